// The API of this same origin. The admin key lives in this module's memory and nowhere else.

const page = location.pathname;
const API = `${page.slice(0, page.lastIndexOf('/console'))}/api/apikey`;
const PATIENCE = 35_000; // API Gateway gives up after 29 s, and says so

let admin = null;
let refused = () => {};
let skew = 0;

/** What went wrong: `kind` for us, `message` for people; `wait` in seconds, before another try. */
export class Problem extends Error {
  constructor(kind, message, { status = 0, wait = 0, request = '' } = {}) {
    super(message);
    Object.assign(this, { kind, status, wait, request });
  }

  /** Whether the same request may do better later, and is harmless to repeat. */
  get passes() {
    return ['offline', 'unavailable', 'throttled', 'unexpected'].includes(this.kind);
  }
}

/** The time as the server has it, in milliseconds: a computer's clock may be off by days. */
export const now = () => Date.now() + skew;

export const hold = (key) => { admin = key; };
export const forget = () => { admin = null; };
export const onRefused = (then) => { refused = then; };

/**
 * Ask the API; resolves to the answer's JSON, with `status` beside it where `whole`.
 * Throws a Problem. A refusal of the key that the session holds ends the session.
 */
export async function call(method, path = '', { query = {}, body, key = admin, whole } = {}) {
  const url = new URL(API + path, location.origin);
  for (const [name, value] of Object.entries(query)) {
    if (value !== '' && value != null) url.searchParams.set(name, value);
  }
  const headers = { Authorization: `Bearer ${key}` };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let answer, said;
  try {
    answer = await fetch(url, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(PATIENCE),
    });
    said = await answer.text();
  } catch {
    throw new Problem('offline', navigator.onLine
      ? 'The server cannot be reached.' : 'This computer is offline.');
  }
  const sent = Date.parse(answer.headers.get('Date'));
  if (!Number.isNaN(sent)) skew = Math.abs(sent - Date.now()) < 5_000 ? 0 : sent - Date.now();
  const json = parsed(said);
  if (answer.ok && json) return whole ? { status: answer.status, json } : json;
  const problem = told(answer, json);
  if (key === admin && admin !== null && ['unauthorized', 'forbidden'].includes(problem.kind)) {
    refused(problem);
  }
  throw problem;
}

function parsed(text) {
  try {
    const json = JSON.parse(text);
    return typeof json === 'object' ? json : null;
  } catch {
    return null;
  }
}

function told(answer, json) {
  const status = answer.status;
  if (typeof json?.code !== 'string' || typeof json?.error !== 'string') {
    return new Problem('unexpected', `The server answered what is not Keyturn's (${status}).`, { status });
  }
  const wait = Number(answer.headers.get('Retry-After')) || 0;
  return new Problem(json.code, json.error, { status, wait, request: json.request_id ?? '' });
}

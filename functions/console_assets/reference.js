// The API's own description, infra/openapi.json, for people to read.
import { html, useEffect, useState } from './lib.js';
import { Copy, Empty, Note, Skeleton } from './parts.js';

const BOUNDS = [
  ['minimum', (value) => `at least ${value}`], ['maximum', (value) => `at most ${value}`],
  ['minLength', (value) => `at least ${value} characters`], ['maxLength', (value) => `at most ${value} characters`],
  ['pattern', (value) => html`matches <code>${value}</code>`],
];

export function Reference() {
  const [document, setDocument] = useState(null);
  useEffect(() => {
    // Another file of this application, so beside it and not beside the page.
    fetch(new URL('vendor/openapi.json', import.meta.url))
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer)))
      .then(setDocument, () => setDocument({}));
  }, []);
  if (!document) return html`<h1>API</h1><${Skeleton} />`;
  if (!document.paths) {
    return html`<h1>API</h1><div class="card"><${Empty} icon="book" title="The description is not here">
      <p>This deployment was built without it.</p><//></div>`;
  }
  const operations = Object.entries(document.paths).flatMap(([path, item]) => (
    Object.entries(item).map(([method, operation]) => ({ method, path, ...operation }))
  ));
  const tags = document.tags ?? [{ name: undefined }];
  const groups = tags.map((tag) => ({ ...tag, operations: operations.filter((each) => (each.tags ?? [])[0] === tag.name) }));
  const resolve = resolver(document);
  return html`
    <div class="titled"><h1>API</h1><a class="button" href=${new URL('vendor/openapi.json', import.meta.url).pathname} download>openapi.json</a></div>
    <div class="reference">
      <nav class="contents" aria-label="Operations">
        ${groups.map((group) => html`
          <div key=${group.name}><p class="faint small">${group.name}</p>
            ${group.operations.map((each) => html`<button key=${each.operationId} type="button" onClick=${() => jump(each.operationId)}>
              <span class="method ${each.method}">${each.method.toUpperCase()}</span><span>${each.summary ?? each.path}</span></button>`)}</div>`)}
      </nav>
      <div>
        <div class="card prose"><${Prose} of=${document.info.description ?? ''} /></div>
        ${groups.map((group) => html`
          <section key=${group.name}>
            ${group.description && html`<h2 class="group">${group.description.replace(/\.$/, '')}</h2>`}
            ${group.operations.map((each) => html`<${Operation} key=${each.operationId} of=${each} resolve=${resolve} />`)}
          </section>`)}
      </div>
    </div>`;
}

function jump(id) {
  const target = document.getElementById(id);
  target.scrollIntoView();
  target.focus({ preventScroll: true });
}

function Operation({ of, resolve }) {
  const body = of.requestBody && resolve(of.requestBody).content?.['application/json'];
  const parameters = (of.parameters ?? []).map(resolve);
  return html`
    <article class="card operation" id=${of.operationId} tabindex="-1">
      <header>
        <h3>${of.summary}</h3>
        <p class="route"><span class="method ${of.method}">${of.method.toUpperCase()}</span><code>${of.path}</code></p>
      </header>
      <${Prose} of=${of.description ?? ''} />
      ${parameters.length > 0 && html`<h4>Parameters</h4><${Properties} resolve=${resolve}
        of=${parameters.map((each) => ({ name: each.name, required: each.required, where: each.in, schema: { description: each.description, ...resolve(each.schema) } }))} />`}
      ${body && html`<h4>Body</h4><${Properties} resolve=${resolve} of=${properties(resolve(body.schema), resolve)} /><${Examples} of=${body} />`}
      <h4>Answers</h4>
      ${Object.entries(of.responses).map(([status, each]) => html`<${Answer} key=${status} status=${status} of=${resolve(each)} resolve=${resolve} />`)}
    </article>`;
}

function Answer({ status, of, resolve }) {
  const body = of.content?.['application/json'];
  const good = status < 400;
  return html`
    <details class="answer" open=${good}>
      <summary><span class="badge ${good ? 'active' : status < 500 ? 'grace' : 'revoked'}">${status}</span>
        ${good ? of.description : codes(of.description ?? '')}</summary>
      ${!good && html`<${Prose} of=${of.description ?? ''} />`}
      ${body && html`
        ${good && html`<${Properties} resolve=${resolve} of=${properties(resolve(body.schema), resolve)} />`}
        <${Examples} of=${body} />`}
    </details>`;
}

function Properties({ of, resolve }) {
  if (!of.length) return null;
  return html`
    <dl class="properties">
      ${of.map(({ name, required, where, schema }) => html`
        <div key=${name}>
          <dt><code>${name}</code>${required && html`<span class="required">required</span>`}<span class="faint small">${where ? `${where}, ` : ''}${kind(schema, resolve)}</span></dt>
          <dd>${schema.description && html`<${Prose} of=${schema.description} />`}<${Bounds} of=${resolve(schema)} /></dd>
        </div>`)}
    </dl>`;
}

function Bounds({ of }) {
  const said = BOUNDS.filter(([name]) => of[name] !== undefined).map(([name, words]) => html`<span key=${name}>${words(of[name])}</span>`);
  if (of.enum) said.push(html`<span key="enum">one of ${of.enum.map((value) => html`<code key=${value}>${String(value)}</code> `)}</span>`);
  if (of.default !== undefined) said.push(html`<span key="default">default <code>${JSON.stringify(of.default)}</code></span>`);
  return said.length > 0 && html`<p class="bounds faint small">${said}</p>`;
}

function Examples({ of }) {
  const examples = Object.entries(of.examples ?? (of.example ? { '': { value: of.example } } : {}));
  return examples.map(([name, { value, summary }]) => {
    const text = JSON.stringify(value, null, 2);
    return html`
      <figure key=${name} class="example">
        <figcaption class="faint small"><span>${summary ?? (name ? name.replaceAll('_', ' ') : 'Example')}</span><${Copy} text=${text} label="Copy the example" /></figcaption>
        <pre tabindex="0"><code>${text}</code></pre>
      </figure>`;
  });
}

/** Paragraphs, lists and `code`: as much of Markdown as the descriptions have. */
function Prose({ of }) {
  return of.split(/\n\n+/).filter(Boolean).map((block, at) => {
    const items = block.split(/^- /m).slice(1);
    return items.length
      ? html`<ul key=${at}>${items.map((item) => html`<li key=${item}>${marked(item)}</li>`)}</ul>`
      : html`<p key=${at}>${marked(block)}</p>`;
  });
}

const marked = (text) => text.split('`').map((part, at) => (at % 2 ? html`<code key=${at}>${part}</code>` : part));

const codes = (text) => {
  const found = [...text.matchAll(/^- `(\w+)`/gm)].map((match) => match[1]);
  return found.length ? found.map((code) => html`<code key=${code}>${code}</code> `) : marked(text.split('\n')[0]);
};

/** Follow references, and lay what `allOf` adds over one another. */
function resolver(document) {
  return function resolve(node) {
    let found = node ?? {};
    for (let depth = 0; found.$ref && depth < 9; depth++) {
      const { $ref, ...beside } = found;
      found = { ...$ref.slice(2).split('/').reduce((inner, name) => inner?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], document), ...beside };
    }
    if (!found.allOf) return found;
    return found.allOf.map(resolve).reduce((whole, part) => ({ ...whole, ...part, properties: { ...whole.properties, ...part.properties } }), found);
  };
}

function properties(schema, resolve) {
  const kinds = (schema.oneOf ?? schema.anyOf ?? [schema]).map(resolve);
  const all = new Map();
  for (const each of kinds) {
    for (const [name, inner] of Object.entries(each.properties ?? {})) {
      all.set(name, { name, required: kinds.every((one) => one.required?.includes(name)), schema: { ...resolve(inner), description: inner.description ?? resolve(inner).description } });
    }
  }
  return [...all.values()];
}

function kind(schema, resolve) {
  const found = resolve(schema);
  const kinds = found.anyOf ?? found.oneOf;
  if (kinds) return [...new Set(kinds.map((each) => kind(each, resolve)))].join(' or ');
  if (found.type === 'array') return `list of ${kind(found.items ?? {}, resolve)}s`;
  if (found.type === 'object' && found.additionalProperties?.type) return `object of ${found.additionalProperties.type}s`;
  const types = [found.type ?? (found.const !== undefined || found.enum ? 'text' : 'any')].flat();
  return `${types.map((type) => (type === 'string' ? 'text' : type)).join(' or ')}${found.format ? ` (${found.format})` : ''}`;
}

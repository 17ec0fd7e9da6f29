"""The command line, `keyturn`: an HTTP client that people like to use.

app        the verbs by name, and how they end
writing    verbs that change a key
reading    verbs that change nothing
setup      verbs that come before all others
moving     the verb that brings another service's keys
options    what verbs take, and the server that follows from it
profiles   where the URL and the key come from
ask        standard input: keys and confirmations
text       what may stand on a command line and in a terminal
api        the service's routes
wire       HTTP: requests, repeats, what an answer means
records    what answers hold
show       tables, times, JSON
export     all records into a file
stack      a deployed stack and its functions, by way of AWS
bootstrap  the first admin key of one
importing  another service's keys into one: many at once
sources    where their rows come from: files
databases  and SQL tables
rows       what a row says
errors     how a verb can end, and the exit code of it

Nothing of the service is imported: what is known of it here is its HTTP contract. Loaded only when
a verb needs them: httpx, rich, keyring, SQLAlchemy, and boto3 for `bootstrap` and `import` alone.
"""

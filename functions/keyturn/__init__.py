"""Keyturn: API keys you own.

errors      what can be answered instead of a key
settings    the deployment's parameters, read once from the environment
keytext     the key string: mint, parse, digest
foreign     key strings that another service handed out
keys        what a key is and may become; nothing of AWS, no clock of its own
due         what a key wants done, and when
row         the DynamoDB item a key is stored as
sigv4       a request signature, and the credentials and endpoint it needs
lean        one strongly consistent read without the SDK
reader      the read that verification costs, and the optional memory of it
log         one line, one JSON object
decision    the line that a verification leaves in the log
tally       what those lines add up to
marks       which writes of an item were the last, so that a repeat is known
update      one conditional update of a row, and whether a refused one was done
store       one item per alias, one conditional write per change
vault       KMS: seal and open the key string
aws         the one SDK configuration, and what its failures mean
service     verify and revoke
issuer      create, renew and rotate
sweep       what is due is done
changes     what happened to a key, told from its row before and after
imported    keys of another service become rows
trail       what happened to a key, kept beside it
bus         what happened to a key, told to everyone
usage       when a key was used, and how often, kept beside it
secret      a secret of Secrets Manager that holds a key
listing     lists of keys
cursor      where the next page starts
schemas     requests over HTTP
answers     answers over HTTP
import_schemas  keys of another service
event_schemas  events that ask for something
web         resolver, error -> status table, headers, the line in the log
"""

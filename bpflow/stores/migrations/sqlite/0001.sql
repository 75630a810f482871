-- Version 1. Every row says its owner; instants are microseconds since 1970 (UTC); states, fields and events are the engine's JSON.

create table definition (           -- what was deployed, by the digest of its graph
  id integer primary key,
  process text not null,
  digest text not null unique,
  graph text not null,
  source text not null,             -- the YAML, for people
  at integer not null
);
create table deployment (           -- which definition new instances of a process get: the last (none: no more); only ever appended to
  id integer primary key,
  process text not null,
  version integer not null,
  definition integer references definition(id),
  at integer not null
);
create unique index deployment_version on deployment (process, version);

create table schedule (             -- when a start on schedule is due next
  process text not null,
  number integer not null,          -- its place among the starts of the process
  cron text not null,               -- the zone, then the five parts
  due integer not null,
  primary key (process, number)
) without rowid;

create table instance (
  id integer primary key,
  owner integer not null,
  definition integer not null references definition(id),
  status integer not null,          -- 0 running, 1 ended, 2 cancelled, 3 failed, 4 suspended
  revision integer not null,
  incidents integer not null,
  document integer,
  started integer not null,
  ended integer,
  result text,
  exclusive text,                   -- while it runs: "process/document" of a process with unless-running, "pipeline/document" of one with stages
  history integer,                  -- its last row of history
  deployed integer not null,        -- the last row of deployment when it began: what it calls is of no later version
  caller integer,                   -- the instance that waits for it, with the token, its visit and the attempt of its call
  caller_token integer,
  caller_visit integer,
  caller_attempt integer,
  level integer not null,           -- how many instances around it wait
  seal blob not null,               -- binds the state to the last link of the history
  state blob not null
);
create index instance_caller on instance (caller) where caller is not null;
create unique index instance_exclusive on instance (exclusive) where exclusive is not null;
create index instance_document on instance (document) where document is not null;
create index instance_incidents on instance (id) where incidents > 0;
create index instance_stopped on instance (status, id) where status >= 2;

create table page (                 -- parts of a state that are written one by one: turns and results of large fans, large values
  owner integer not null,
  instance integer not null,
  holder integer not null,
  part integer not null,
  data blob not null,
  primary key (instance, holder, part)
) without rowid;

create table task (                 -- an open task, a row for each assignee; the state knows the whole key
  party text not null,              -- user:…, department:…, role:…
  instance integer not null,
  token integer not null,
  visit integer not null,
  owner integer not null,
  in_place_of text,
  node text not null,
  subject text not null,
  opened integer not null,
  due integer,
  overdue integer not null,
  claimed_of text,                  -- the group of which a person has claimed it
  primary key (party, instance, token, visit)
) without rowid;

create table observer (             -- who sees an open task besides
  owner integer not null,
  party text not null,
  instance integer not null,
  token integer not null,
  visit integer not null,
  primary key (party, instance, token, visit)
) without rowid;

create table timer (                -- a timer that is set; those of one lane wait for each other, lanes take turns
  lane integer not null,            -- the definition of the instance
  due integer not null,
  instance integer not null,
  holder integer not null,
  arm integer not null,
  owner integer not null,
  primary key (lane, due, instance, holder, arm)
) without rowid;

create table aside (                -- instances that cannot go on by a fault of bpflow: left alone until they are tried again
  instance integer primary key,
  owner integer not null,
  at integer not null,
  reason text not null
);

create table watch (                -- who looks again when a document changes
  owner integer not null,
  document integer not null,
  instance integer not null,
  holder integer not null,
  primary key (document, instance, holder)
) without rowid;

create table listen (               -- who waits for a message; the least id has waited longest, and no id comes twice
  id integer primary key autoincrement,
  owner integer not null,
  instance integer not null,
  holder integer not null,
  arm integer not null,
  visit integer not null,           -- of the token that waits; 0 where a scope listens
  name text not null,
  key text not null,
  since integer not null
);
create unique index listen_arm on listen (instance, holder, arm);
create index listen_name on listen (name, key, id);

create table message (              -- messages that nobody has received yet; the least id was sent first, and no id comes twice
  id integer primary key autoincrement,
  owner integer not null,           -- of the instance that sent it; of one from outside its own, a negative number
  name text not null,
  key text not null,
  fresh integer not null,           -- 1: somebody must look who receives it
  data blob not null,               -- the key as it was sent, and the values
  sent integer not null,
  until integer,                    -- how long it waits for a receiver; null: for ever
  waited integer not null,          -- the last row of listen when it was sent: those were waiting already
  instance integer,                 -- which instance sent it; null: somebody outside
  depth integer not null,
  receiver integer,                 -- the instance to which it is addressed
  listen integer                    -- by which row of listen; null: the message is to start the instance
);
create index message_fresh on message (id) where fresh;
create index message_name on message (name, key, id);
create index message_receiver on message (receiver) where receiver is not null;

create table look (                 -- messages that are to be looked at again, as somebody waits or would start by them now
  id integer primary key autoincrement,
  owner integer not null,
  name text not null,
  key text,                         -- null: whatever the key
  at integer not null
);

create table history (              -- one row a transaction: events, answers, facts; only ever appended to, read backwards by `previous`
  id integer primary key,
  owner integer not null,
  instance integer not null,
  revision integer not null,
  previous integer,
  at integer not null,
  told text,                        -- who was given a notice by that: JSON, a list; null: nobody
  link blob not null,               -- a digest of the row and of the link before it
  data blob not null
);
create table chain (                -- one row, if histories are chained with a key: by this the key is known again
  mark blob not null
);
create table purged (               -- what is left of an instance that was purged
  instance integer primary key,
  owner integer not null,
  definition integer not null references definition(id),
  revision integer not null,
  ended integer not null,
  at integer not null,              -- when it was purged
  link blob not null,               -- the last link of its history
  seal blob not null                -- a digest of all that
);

create table outbox (               -- calls that leave the transaction
  id integer primary key,
  owner integer not null,
  instance integer not null,
  token integer not null,
  visit integer not null,
  attempt integer not null,
  waits integer not null,
  told integer not null,            -- the instance that is to begin (where the answer is waited for) or is told something; 0: a service is called
  service text not null,
  arguments blob not null,
  at integer not null,
  depth integer not null,           -- how many changes of documents have led to it
  lane integer not null,            -- the definition of the instance: of what a service is asked, lanes take turns
  held text                         -- why it cannot be sent, until it is tried again; null: it is to be sent
);
create index outbox_call on outbox (instance, token, visit);
create index outbox_lane on outbox (service, lane);
create index outbox_held on outbox (instance) where held is not null;

create table called (               -- the instances that an instance has called, until they have answered
  child integer primary key,        -- its number, which nobody else gets
  owner integer not null,           -- of the caller
  instance integer not null,        -- the caller
  token integer not null,
  visit integer not null
);
create index called_by on called (instance, token, visit);

create table inbox (                -- what was done for whom: a key is worked once
  owner integer not null,
  key text not null,
  result blob not null,
  at integer not null,
  primary key (owner, key)
) without rowid;

create table secret (               -- values of secret fields; everywhere else is only the handle, a random number
  owner integer not null,
  handle integer not null,
  instance integer,                 -- with which it goes; null: it is a document's
  at integer not null,
  value blob not null,              -- the engine's JSON, encrypted if its first byte is 1
  primary key (handle, owner)
) without rowid;
create index secret_instance on secret (instance) where instance is not null;

create table document (
  id integer primary key,
  owner integer not null,
  type text not null,
  version integer not null,
  created integer not null,
  changed integer not null,
  fields blob not null
);
create index document_type on document (type, id);

create table change (               -- changes of documents that have not yet been told to starts and watchers
  id integer primary key,
  owner integer not null,
  document integer not null,
  version integer not null,
  at integer not null,
  data blob not null                -- previous fields, by, process that caused it, depth
);

create table feed (                 -- a document's own history: its changes and notes
  owner integer not null,
  document integer not null,
  version integer not null,
  at integer not null,
  data blob not null,
  primary key (document, version)
) without rowid;

create table turn (                 -- who had the turn last, where people take turns
  name text not null,               -- process/node
  person text not null,
  n integer not null,               -- grows with each turn of that name
  primary key (name, person)
) without rowid;

create table absence (              -- when people are away, as processes and people have entered it, besides what the directory says
  id integer primary key,
  owner integer not null,
  key text unique,                  -- of the call that entered it, which enters it once
  person text not null,
  first text not null,              -- days, as 2026-03-02; both are days of the absence
  last text,                        -- null: until further notice; before the first: it was taken back
  substitute text,
  reason text,
  at integer not null,
  by text,
  instance integer,
  changed integer not null unique,  -- grows with each change of any absence
  mark integer not null             -- chance, another with each change: a number that was rolled back may be given again
);

create table calendar (
  id integer primary key,
  owner integer not null,
  person text not null,
  title text not null,
  at integer not null,
  ends integer not null,
  remind_before integer,            -- seconds
  instance integer
);
create index calendar_person on calendar (person, at);
create index calendar_instance on calendar (instance) where instance is not null;

create table notice (
  person text not null,
  at integer not null,
  instance integer not null,        -- its notices are found by its history, as that says who was told
  n integer not null,               -- tells notices of one instance, person and instant apart
  owner integer not null,
  reason text not null,             -- notify, reminder, overdue, withdrawn
  title text not null,
  text text not null,
  channel text not null,
  primary key (person, at, instance, n)
) without rowid;

create table worker (               -- who works, as long as he does
  id integer primary key autoincrement, -- no id comes twice: what a worker that was given up still writes finds nothing
  host text not null,
  pid integer not null,
  place text not null,              -- in which kernel, and among which processes, the pid is one
  born text not null,               -- when the process began, in the kernel's words
  nth integer not null,             -- which of the workers of that process
  beat integer not null,            -- the kernel's time when he gave the last sign, microseconds
  since integer not null,
  standing integer not null,        -- 1: until he is told to go; 0: for one pass
  put_off text                      -- what he cannot do by a fault of bpflow and tries again and again: JSON, [things, most tries, last reason]
);
create table slot (                 -- a part of the owners, and who works what is due of them (null: whoever comes)
  number integer primary key,
  epoch integer not null,           -- grows whenever the slot changes hands
  worker integer
);
with recursive n (number) as (select 0 union all select number + 1 from n where number < 60) insert into slot select number, 0, null from n;

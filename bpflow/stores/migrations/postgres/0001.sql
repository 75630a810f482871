-- Version 1. Everything is in the schema `bpflow`, which whoever runs this has made; instants are microseconds since 1970 (UTC); states, fields
-- and events are the engine's JSON, as bytes: nothing in the database reads them. Text is in the order of its code points, as in Python.
--
-- The tables of the house belong to nobody and are small. All others begin with `owner`: a transaction writes rows of one owner, and every
-- unique key contains it, so that they can be partitioned or distributed by it. No unique key begins with it: what is asked for by its number
-- alone is then found by that key too.

-- ── the house ───────────────────────────────────────────────────────────────────────────────────────────────────────
create sequence bpflow.instance_id;
create sequence bpflow.document_id;
create sequence bpflow.entry_id;    -- what comes in the order in which it was written

create table bpflow.store (         -- one row: which migrations were done, and into how many partitions the tables below are divided (1: not)
  version integer not null,
  partitions integer not null,
  chain bytea                       -- if histories are chained with a key: by this the key is known again
);

create table bpflow.definition (    -- what was deployed, by the digest of its graph
  id bigint generated always as identity primary key,
  at bigint not null,
  process text collate "C" not null,
  digest text collate "C" not null unique,
  graph text not null,
  source text not null              -- the YAML, for people
);
create table bpflow.deployment (    -- which definition new instances of a process get: the last (none: no more); only ever appended to
  id bigint generated always as identity primary key,
  definition bigint references bpflow.definition(id),
  at bigint not null,
  version integer not null,
  process text collate "C" not null,
  unique (process, version)
);

create table bpflow.schedule (      -- when a start on schedule is due next
  due bigint not null,
  number integer not null,          -- its place among the starts of the process
  process text collate "C" not null,
  cron text not null,               -- the zone, then the five parts
  primary key (process, number)
);

create table bpflow.turn (          -- who had the turn last, where people take turns
  n bigint not null,                -- grows with each turn of that name
  name text collate "C" not null,   -- process/node
  person text collate "C" not null,
  primary key (name, person)
);

create table bpflow.absence (       -- when people are away, as processes and people have entered it, besides what the directory says
  id bigint generated always as identity primary key,
  owner bigint not null,
  at bigint not null,
  instance bigint,
  changed bigint not null unique,   -- grows with each change of any absence
  mark bigint not null,             -- chance, another with each change: a number that was rolled back may be given again
  key text collate "C" unique,      -- of the call that entered it, which enters it once
  person text collate "C" not null,
  first text not null,              -- days, as 2026-03-02; both are days of the absence
  last text,                        -- null: until further notice; before the first: it was taken back
  substitute text,
  reason text,
  by text
);

create table bpflow.worker (        -- who works, as long as he does
  id integer generated always as identity primary key, -- no id comes twice: what a worker that was given up still writes finds nothing
  since bigint not null,
  beat bigint not null,             -- the time of his kernel when he gave the last sign, microseconds
  pid bigint not null,
  nth integer not null,             -- which of the workers of that process
  standing boolean not null,        -- until he is told to go; else for one pass
  host text not null,
  place text not null,              -- in which kernel, and among which processes, the pid is one
  born text not null,               -- when the process began, in the kernel's words
  put_off text                      -- what he cannot do by a fault of bpflow and tries again and again: JSON, [things, most tries, last reason]
);
create table bpflow.slot (          -- a part of the owners, and who works what is due of them (null: whoever comes)
  epoch bigint not null,            -- grows whenever the slot changes hands
  number integer primary key,
  worker integer
);
insert into bpflow.slot (number, epoch) select number, 0 from generate_series(0, 60) number;

-- ── by owner ────────────────────────────────────────────────────────────────────────────────────────────────────────
create table bpflow.instance (
  owner bigint not null,
  id bigint not null,
  definition bigint not null,
  document bigint,
  started bigint not null,
  ended bigint,
  deployed bigint not null,         -- the last row of deployment when it began: what it calls is of no later version
  caller bigint,                    -- the instance that waits for it, with the token, its visit and the attempt of its call
  caller_token integer,
  caller_visit integer,
  caller_attempt integer,
  level integer not null,           -- how many instances around it wait
  revision integer not null,
  incidents integer not null,
  status smallint not null,         -- 0 running, 1 ended, 2 cancelled, 3 failed, 4 suspended
  result text,
  exclusive text collate "C",       -- while it runs: "process/document" of a process with unless-running, "pipeline/document" of one with stages
  seal bytea not null,              -- binds the state to the last link of the history
  state bytea not null,
  primary key (id, owner)
) with (fillfactor = 80);           -- so that the next state finds room on its page, and no index is touched
create index instance_caller on bpflow.instance (caller) where caller is not null;
create unique index instance_exclusive on bpflow.instance (exclusive, owner) where exclusive is not null;
create index instance_document on bpflow.instance (document) where document is not null;
create index instance_incidents on bpflow.instance (id) where incidents > 0;
create index instance_stopped on bpflow.instance (status, id) where status >= 2;

create table bpflow.page (          -- parts of a state that are written one by one: turns and results of large fans, large values
  owner bigint not null,
  instance bigint not null,
  holder integer not null,
  part integer not null,
  data bytea not null,
  primary key (instance, holder, part, owner)
);

create table bpflow.secret (        -- values of secret fields; everywhere else is only the handle, a random number
  owner bigint not null,
  handle bigint not null,
  instance bigint,                  -- with which it goes; null: it is a document's
  at bigint not null,
  value bytea not null,             -- the engine's JSON, encrypted if its first byte is 1
  primary key (handle, owner)
);
create index secret_instance on bpflow.secret (instance) where instance is not null;

create table bpflow.history (       -- one row a transaction: events, answers, facts; only ever appended to
  owner bigint not null,
  instance bigint not null,
  at bigint not null,
  revision integer not null,        -- which is there once: who writes over a revision that is not the last is refused
  link bytea not null,              -- a digest of the row and of the link before it
  data bytea not null,
  primary key (instance, revision, owner)
);

create table bpflow.purged (        -- what is left of an instance that was purged
  owner bigint not null,
  instance bigint not null,
  definition bigint not null,
  ended bigint not null,
  at bigint not null,               -- when it was purged
  revision integer not null,
  link bytea not null,              -- the last link of its history
  seal bytea not null,              -- a digest of all that
  primary key (instance, owner)
);

create table bpflow.task (          -- an open task, a row for each assignee; the state knows the whole key
  owner bigint not null,
  instance bigint not null,
  opened bigint not null,
  due bigint,
  token integer not null,
  visit integer not null,
  overdue boolean not null,
  party text collate "C" not null,  -- user:…, department:…, role:…
  in_place_of text,
  node text not null,
  subject text not null,
  claimed_of text,                  -- the group of which a person has claimed it
  primary key (party, instance, token, visit, owner)
);

create table bpflow.observer (      -- who sees an open task besides
  owner bigint not null,
  instance bigint not null,
  token integer not null,
  visit integer not null,
  party text collate "C" not null,
  primary key (party, instance, token, visit, owner)
);

create table bpflow.timer (         -- a timer that is set; those of one lane wait for each other, lanes take turns
  owner bigint not null,
  lane bigint not null,             -- the definition of the instance
  due bigint not null,
  instance bigint not null,
  holder integer not null,
  arm integer not null
);
create unique index timer_lane on bpflow.timer (abs(owner % 61), lane, due, instance, holder, arm, owner);

create table bpflow.aside (         -- instances that cannot go on by a fault of bpflow: left alone until they are tried again
  owner bigint not null,
  instance bigint not null,
  at bigint not null,
  reason text not null,
  primary key (instance, owner)
);

create table bpflow.watch (         -- who looks again when a document changes
  owner bigint not null,
  document bigint not null,
  instance bigint not null,
  holder integer not null,
  primary key (document, instance, holder, owner)
);

create table bpflow.outbox (        -- calls that leave the transaction
  owner bigint not null,
  id bigint not null default nextval('bpflow.entry_id'),
  instance bigint not null,
  told bigint not null,             -- the instance that is to begin (where the answer is waited for) or is told something; 0: a service is called
  at bigint not null,
  token integer not null,
  visit integer not null,
  attempt integer not null,
  depth integer not null,           -- how many changes of documents have led to it
  lane bigint not null,             -- the definition of the instance: of what a service is asked, lanes take turns
  waits boolean not null,
  service text not null,
  held text,                        -- why it cannot be sent, until it is tried again; null: it is to be sent
  arguments bytea not null,
  primary key (id, owner)
);
create index outbox_lane on bpflow.outbox (abs(owner % 61), service, lane, id);
create index outbox_held on bpflow.outbox (instance) where held is not null;
create index outbox_call on bpflow.outbox (instance, token, visit);

create table bpflow.called (        -- the instances that an instance has called, until they have answered
  owner bigint not null,            -- of the caller
  child bigint not null,
  instance bigint not null,         -- the caller
  token integer not null,
  visit integer not null,
  primary key (child, owner)
);
create index called_by on bpflow.called (instance, token, visit);

create table bpflow.inbox (         -- what was done for whom: a key is worked once
  owner bigint not null,
  at bigint not null,
  key text collate "C" not null,
  result bytea not null,
  primary key (key, owner)
);

create table bpflow.document (
  owner bigint not null,
  id bigint not null,
  created bigint not null,
  changed bigint not null,
  version integer not null,
  type text collate "C" not null,
  terms integer[] not null,         -- a hash of each field with its value, by which documents are found
  fields bytea not null,
  primary key (id, owner)
) with (fillfactor = 80);
create index document_type on bpflow.document (type, id);
create index document_terms on bpflow.document using gin (terms);

create table bpflow.change (        -- changes of documents that have not yet been told to starts and watchers
  owner bigint not null,
  id bigint not null default nextval('bpflow.entry_id'),
  document bigint not null,
  at bigint not null,
  version integer not null,
  data bytea not null,              -- previous fields, by, process that caused it, depth
  primary key (id, owner)
);
create index change_slot on bpflow.change (abs(owner % 61), id);
create index change_document on bpflow.change (document);

create table bpflow.feed (          -- a document's own history: its changes and notes
  owner bigint not null,
  document bigint not null,
  at bigint not null,
  version integer not null,
  data bytea not null,
  primary key (document, version, owner)
);

create table bpflow.listen (        -- who waits for a message; the least id has waited longest, and no id comes twice
  owner bigint not null,
  id bigint not null default nextval('bpflow.entry_id'),
  instance bigint not null,
  since bigint not null,
  holder integer not null,
  arm integer not null,
  visit integer not null,           -- of the token that waits; 0 where a scope listens
  name text collate "C" not null,
  key text collate "C" not null,
  primary key (id, owner)
);
create unique index listen_arm on bpflow.listen (instance, holder, arm, owner);
create index listen_name on bpflow.listen (name, key, id);

create table bpflow.message (       -- messages that nobody has received yet; the least id was sent first, and no id comes twice
  owner bigint not null,
  id bigint not null default nextval('bpflow.entry_id'),
  instance bigint,                  -- which instance sent it; null: somebody outside
  receiver bigint,                  -- the instance to which it is addressed
  listen bigint,                    -- by which row of listen; null: the message is to start the instance
  sent bigint not null,
  until bigint,                     -- how long it waits for a receiver; null: for ever
  depth integer not null,
  fresh boolean not null,           -- somebody must look who receives it
  name text collate "C" not null,
  key text collate "C" not null,
  data bytea not null,              -- the key as it was sent, and the values
  primary key (id, owner)
);
create index message_fresh on bpflow.message (abs(owner % 61), id) where fresh;
create index message_name on bpflow.message (name, key, id);

create table bpflow.look (          -- messages that are to be looked at again, as somebody waits or would start by them now
  owner bigint not null,
  id bigint not null default nextval('bpflow.entry_id'),
  at bigint not null,
  name text collate "C" not null,
  key text collate "C",             -- null: whatever the key
  primary key (id, owner)
);

create index look_slot on bpflow.look (abs(owner % 61), id);

create table bpflow.calendar (
  owner bigint not null,
  id bigint not null default nextval('bpflow.entry_id'),
  at bigint not null,
  ends bigint not null,
  instance bigint,
  remind_before integer,            -- seconds
  person text collate "C" not null,
  title text not null,
  primary key (id, owner)
);
create index calendar_person on bpflow.calendar (person, at);
create index calendar_instance on bpflow.calendar (instance) where instance is not null;

create table bpflow.notice (
  owner bigint not null,
  id bigint not null default nextval('bpflow.entry_id'),
  at bigint not null,
  instance bigint not null,
  person text collate "C" not null,
  reason text not null,             -- notify, reminder, overdue, withdrawn
  title text not null,
  text text not null,
  channel text not null,
  primary key (person, at, id, owner)
);
create index notice_instance on bpflow.notice (instance) where instance is not null;

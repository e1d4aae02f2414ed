-- The first schema. Times are milliseconds since 1970 in UTC, money is text as it came.
-- Rows that change often are small: an order's document stands in a table of its own and is written once a revision.

create table meta (
    key text primary key,
    value text not null
) without rowid;

create table account (
    name text primary key,
    platform text not null,
    role text not null,
    added_at integer not null,
    cursor text,
    fetched_at integer,
    paused integer not null default 0
) without rowid;

create table orders (
    id integer primary key,
    account text not null,
    external_id text not null,
    digest blob not null,
    stage text not null,
    status text not null,
    ordered_at integer not null,
    updated_at integer not null,
    first_seen integer not null,
    total text not null,
    paid integer not null,
    shipped integer not null,
    ships_itself integer not null,
    held text,
    merged_into integer,
    warnings integer not null default 0,
    unique (account, external_id)
);

create table document (
    order_id integer primary key,
    body blob not null  -- the order as it was fetched, sealed
);

-- which order carries a line, for platforms that merge purchases
create table line (
    account text not null,
    line_id text not null,
    order_id integer not null,
    primary key (account, line_id)
) without rowid;

create table parcel (
    order_id integer not null,
    number text not null,
    carrier text not null,
    added_at integer not null,
    primary key (order_id, number)
) without rowid;

-- the order stands in this account as its order so-and-so, and has been told this much
create table link (
    order_id integer not null,
    account text not null,
    shop_order text not null,
    number text not null,
    reference text not null,
    linked_at integer not null,
    total text,
    told_status text,
    told_paid integer,
    told_parcels text not null default '[]',
    doubled_as text,  -- a second order of the shop with the same reference, once it was met
    primary key (order_id, account)
) without rowid;

create index link_reference on link (account, reference);

create table job (
    id integer primary key,
    order_id integer not null,
    account text not null,
    kind text not null,
    state text not null,
    due integer not null,
    attempt integer not null default 0,
    made_at integer not null,
    first_tried integer,
    sent_at integer,
    doubt_at integer,
    by_hand integer not null default 0,
    told_status text,  -- what the request says, noted with the intent: its answer may get lost
    told_paid integer,
    progress text,
    reason text
);

create index job_due on job (account, state, due, id) where state in ('waiting', 'sending', 'unsure');
create unique index job_open on job (order_id, account, kind)
    where state in ('waiting', 'sending', 'unsure', 'parked');
create index job_order on job (order_id);
create index job_parked on job (id) where state = 'parked';

create table journal (
    id integer primary key,
    at integer not null,
    kind text not null,
    order_id integer,
    account text,
    job integer,
    data text not null
);

create index journal_order on journal (order_id, id) where order_id is not null;

-- orders that could not be read, with their raw text, sealed
create table malformed (
    id integer primary key,
    account text not null,
    external_id text not null,
    reason text not null,
    raw blob not null,
    first_seen integer not null,
    last_seen integer not null,
    times integer not null default 1,
    unique (account, external_id)
);

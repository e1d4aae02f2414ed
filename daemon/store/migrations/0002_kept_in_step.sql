-- What the settings of an order's way through the hub need to remember.

-- a person has said that the shop does not have the order: nothing is looked for before it is added
alter table job add column sure integer not null default 0;

-- an order as an account got it, kept from the first change that stays in the hub; sealed
create table forwarded (
    order_id integer not null,
    account text not null,
    body blob not null,
    primary key (order_id, account)
) without rowid;

-- methods of marketplaces that had no entry in a shop's maps when an order with them was forwarded
create table unmapped (
    shop text not null,
    kind text not null,
    account text not null,
    method text not null,
    became text,
    last_order integer not null,
    last_seen integer not null,
    primary key (shop, kind, account, method)
) without rowid;

-- until now an account that was told no status had none here; from now on nothing means that it moved by itself
update link set told_status = '' where told_status is null;

-- when the hub first saw an order ready, and when forwarding into a shop was switched on: what was ready before waits
alter table orders add column ready_at integer;
update orders set ready_at = first_seen where stage = 'ready';
alter table account add column forwards_since integer;
update account set forwards_since = added_at where role = 'shop';

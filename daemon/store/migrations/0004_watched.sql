-- What is watched: counts that a scrape can read without counting, and the alarms that are open.

-- how many orders stand in each stage, kept by the triggers below
create table tally (
    account text not null,
    stage text not null,
    orders integer not null,
    primary key (account, stage)
) without rowid;
insert into tally select account, stage, count(*) from orders group by account, stage;

create trigger tally_added after insert on orders begin
    insert into tally values (new.account, new.stage, 1)
        on conflict (account, stage) do update set orders = orders + 1;
end;
create trigger tally_moved after update of stage on orders when old.stage <> new.stage begin
    update tally set orders = orders - 1 where account = old.account and stage = old.stage;
    insert into tally values (new.account, new.stage, 1)
        on conflict (account, stage) do update set orders = orders + 1;
end;
create trigger tally_removed after delete on orders begin
    update tally set orders = orders - 1 where account = old.account and stage = old.stage;
end;

create index link_doubled on link (account, order_id) where doubled_as is not null;

-- what a person was told of, until it is over; told_by_mail says whether a mail has it, where mails are sent
create table alarm (
    key text primary key,
    topic text not null,
    account text not null,
    order_id integer,
    job integer,
    since integer not null,
    command text not null,
    raised_at integer not null,
    told_by_mail integer not null default 0
) without rowid;

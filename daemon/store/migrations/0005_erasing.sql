-- When an order was over, and when its buyer's data was erased.

-- filled for the orders of before by the program itself, which knows the seller's rules
alter table orders add column final_at integer;
alter table orders add column erased_at integer;

create index orders_to_erase on orders (account, final_at) where final_at is not null and erased_at is null;
create index orders_going_on on orders (id) where final_at is null and erased_at is null;

-- rows about orders that could never be read belong to no order: found by this when their raw texts are erased
create index journal_unread on journal (account) where kind = 'order_malformed' and order_id is null;

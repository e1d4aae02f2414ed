-- What the thank-you mail needs to know: whether an order has its buyer's address, and since when an account's buyers get one.

alter table orders add column has_email integer not null default 0;

alter table account add column thanks_since integer;

-- one mail in an order's life, whatever becomes of it
create unique index job_mail on job (order_id) where kind = 'send_mail';

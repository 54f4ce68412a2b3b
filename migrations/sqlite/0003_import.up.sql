-- Keys of the Python Linux-API are looked up by their stored hash: an HMAC of the whole key.
create unique index api_keys_hash on api_keys (hash);

-- What a user was called in the Python Linux-API, so that importing again doubles nothing and does not
-- bring back what was deleted since. source is v1:ID, or legacy:FILE:NAME with a hash that tells the
-- files apart.
create table imported_users (
    source text primary key,
    user_id text not null,
    imported_at integer not null
) strict;

-- Percentiles in seconds of rows that were imported, whose sketch is empty; null in all others.
alter table request_stats add column p50 real;
alter table request_stats add column p95 real;
alter table request_stats add column p99 real;
alter table request_stats_hourly add column p50 real;
alter table request_stats_hourly add column p95 real;
alter table request_stats_hourly add column p99 real;
alter table request_stats_daily add column p50 real;
alter table request_stats_daily add column p95 real;
alter table request_stats_daily add column p99 real;

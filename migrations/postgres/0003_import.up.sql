-- Keys of the Python Linux-API are looked up by their stored hash: an HMAC of the whole key.
create unique index api_keys_hash on api_keys (hash);

-- What a user was called in the Python Linux-API, so that importing again doubles nothing and does not
-- bring back what was deleted since. source is v1:ID, or legacy:FILE:NAME with a hash that tells the
-- files apart.
create table imported_users (
    source text collate "C" primary key,
    user_id uuid not null,
    imported_at timestamptz not null
);

-- Percentiles in seconds of rows that were imported, whose sketch is empty; null in all others.
alter table request_stats add column p50 double precision;
alter table request_stats add column p95 double precision;
alter table request_stats add column p99 double precision;
alter table request_stats_hourly add column p50 double precision;
alter table request_stats_hourly add column p95 double precision;
alter table request_stats_hourly add column p99 double precision;
alter table request_stats_daily add column p50 double precision;
alter table request_stats_daily add column p95 double precision;
alter table request_stats_daily add column p99 double precision;

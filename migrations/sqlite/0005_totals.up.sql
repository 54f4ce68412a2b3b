-- Totals are read from this index alone; the rows with their sketches are ten times as large, and a
-- total by method would have to be sorted first.
create index request_stats_totals on request_stats (time, method, host_id, requests, sum);

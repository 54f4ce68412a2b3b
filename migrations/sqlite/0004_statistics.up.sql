-- Nearly all rows have the status 200: what is asked about the others is found without them.
create index request_status_rare on request_status (time) where status <> 200;
create index request_status_rare_route on request_status (route, time) where status <> 200;
-- Totals are read from this index alone; the rows with their sketches are ten times as large, and a
-- total by method would have to be sorted first.
create index request_stats_totals on request_stats (time, method, host_id, requests, sum);

-- Nearly all rows have the status 200: what is asked about the others is found without them.
create index request_status_rare on request_status (time) where status <> 200;
create index request_status_rare_route on request_status (route, time) where status <> 200;

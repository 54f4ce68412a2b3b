drop index request_status_rare_route;
drop index request_status_rare;

drop index request_stats_totals;

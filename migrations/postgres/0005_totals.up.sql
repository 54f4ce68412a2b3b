-- Nothing: SQLite has an index with the totals. Here it would change with every update of a row, which
-- changes no index otherwise.
select 1;

-- SPDX-License-Identifier: MIT
-- rows.sql: a table of 200,000 rows, and an index; what it prints is always the same.
create table item (id integer primary key, name text, weight real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
	insert into item select i, hex(i * 2654435761 % 4294967296), i % 1000 / 8.0 from n;
create index item_name on item (name);
select count(*), sum(length(name)), sum(weight), min(name), max(name) from item;
select substr(name, 1, 3) as head, count(*) as n from item group by head order by n desc, head limit 5;
delete from item where id % 3 = 0;
update item set name = name || '-' || id where id % 5 = 0;
select count(*), sum(length(name)) from item;
select length(group_concat(name, '')) from item;
select a.name from item a join item b on a.id = b.id + 1 and b.weight > 124.8 order by a.name limit 3;
vacuum;
pragma integrity_check;

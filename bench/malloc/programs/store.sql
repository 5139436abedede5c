-- SPDX-License-Identifier: MIT
-- store.sql: inserts, indices, a join, deletions, in memory. @ROWS@ is replaced.
PRAGMA temp_store = MEMORY;
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, city INTEGER, note TEXT);
CREATE TABLE sale (id INTEGER PRIMARY KEY, person INTEGER, amount INTEGER, what TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @ROWS@)
INSERT INTO person
SELECT i, 'name ' || (i * 7919 % 100003), i * 31 % 97, substr('abcdefghijklmnopqrstuvwxyz', 1 + i % 20) || i
FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2 * @ROWS@)
INSERT INTO sale
SELECT i, 1 + i * 48271 % @ROWS@, i * 16807 % 1009, 'thing ' || (i % 1000)
FROM n;
COMMIT;
CREATE INDEX person_name ON person (name);
CREATE INDEX sale_person ON sale (person, amount);
CREATE INDEX sale_what ON sale (what);
SELECT city, count(*), sum(amount), max(name)
FROM person JOIN sale ON sale.person = person.id GROUP BY city ORDER BY 3 DESC LIMIT 5;
SELECT count(DISTINCT note), length(group_concat(name)) FROM person;
SELECT what, avg(amount) FROM sale GROUP BY what ORDER BY 2, 1 LIMIT 3;
UPDATE person SET note = note || ' and ' || name WHERE id % 3 = 0;
DELETE FROM sale WHERE amount % 5 = 0;
SELECT count(*), sum(length(note)) FROM person;
SELECT count(*), sum(amount) FROM sale;
.quit

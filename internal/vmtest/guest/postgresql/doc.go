// Package postgresql traces PostgreSQL, inside a test machine that has nothing else: with
// its libraries it is too large for the machine of the other tests.
//
// The server runs alone, without a postmaster (postgres --single), and reads one query a
// line. So which probes fire, and how often, follows from the queries, and PostgreSQL's
// own account of them (EXPLAIN, pg_relation_size) tells what they do not: how many records
// of the log and blocks of the table there are.
package postgresql

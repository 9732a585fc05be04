-- Who may do what (docs/database.md, "Roles"). Run by create-roles.
-- An error message would quote the statement, and with it a password: log none of them.
SET log_min_error_statement = 'panic';
SET log_statement = 'none';
\set app_login `cat /etc/stemhub/credentials/app/username`
\set app_password `cat /etc/stemhub/credentials/app/password`
\set migrator_password `cat /etc/stemhub/credentials/migrator/password`
\set probe_password `cat /etc/stemhub/credentials/probe/password`

-- Owns every object, so that ownership does not depend on which login made it. Nobody signs in as it.
CREATE ROLE stemhub_owner NOLOGIN;
-- Changes the schema. Whatever it makes belongs to the owner, because it acts as the owner from its first statement.
CREATE ROLE stemhub_migrator LOGIN PASSWORD :'migrator_password' IN ROLE stemhub_owner;
ALTER ROLE stemhub_migrator SET role = 'stemhub_owner';
-- What the app may do, apart from the two logins it does it by: while it uses one, the other can be given a new password.
CREATE ROLE stemhub_app NOLOGIN;
CREATE ROLE stemhub_app_1 NOLOGIN IN ROLE stemhub_app;
CREATE ROLE stemhub_app_2 NOLOGIN IN ROLE stemhub_app;
ALTER ROLE :"app_login" LOGIN PASSWORD :'app_password';
-- The operator's eyes: sees statistics, writes one row, and gets in when the app has taken every connection.
CREATE ROLE stemhub_probe LOGIN PASSWORD :'probe_password' IN ROLE pg_monitor, pg_use_reserved_connections;
-- A database that is read-only since its disk fills must still be asked whether it takes writes, and kept by Patroni.
ALTER ROLE stemhub_probe SET default_transaction_read_only = off;
ALTER ROLE postgres SET default_transaction_read_only = off;

-- What the operator asks (operator/stemhub/postgres/probe) is in the database postgres, where nobody else has business.
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO stemhub_probe;
CREATE SCHEMA stemhub;
GRANT USAGE ON SCHEMA stemhub TO stemhub_probe;
-- One row that is written over and over: most of its page is left free, so that each new version finds room beside it.
CREATE TABLE stemhub.heartbeat (one boolean PRIMARY KEY DEFAULT true CHECK (one), at timestamptz NOT NULL)
  WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
INSERT INTO stemhub.heartbeat (at) VALUES (now());
GRANT SELECT, UPDATE ON stemhub.heartbeat TO stemhub_probe;
-- How full the volume is. PostgreSQL has no function that tells; the command is fixed here, and who reads the table runs
-- this one and no other.
CREATE EXTENSION file_fdw SCHEMA stemhub;
CREATE SERVER pod FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE stemhub.volume (block_bytes bigint, blocks bigint, free_blocks bigint, available_blocks bigint)
  SERVER pod OPTIONS (program 'stat --file-system --format=''%S %b %f %a'' /data', delimiter ' ');
GRANT SELECT ON stemhub.volume TO stemhub_probe;

CREATE DATABASE stemhub OWNER stemhub_owner;
REVOKE ALL ON DATABASE stemhub FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE stemhub TO stemhub_app;

\connect stemhub
ALTER SCHEMA public OWNER TO stemhub_owner;
GRANT USAGE ON SCHEMA public TO stemhub_app;
ALTER DEFAULT PRIVILEGES FOR ROLE stemhub_owner GRANT USAGE ON SCHEMAS TO stemhub_app;
ALTER DEFAULT PRIVILEGES FOR ROLE stemhub_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO stemhub_app;
ALTER DEFAULT PRIVILEGES FOR ROLE stemhub_owner GRANT USAGE, SELECT ON SEQUENCES TO stemhub_app;

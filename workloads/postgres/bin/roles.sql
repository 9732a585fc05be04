-- Who may do what (docs/database.md, "Roles"). Run by create-roles.
-- An error message would quote the statement, and with it a password: log none of them.
SET log_min_error_statement = 'panic';
SET log_statement = 'none';
\set app_password `cat /etc/stemhub/credentials/app/password`
\set migrator_password `cat /etc/stemhub/credentials/migrator/password`

-- Owns every object, so that ownership does not depend on which login made it. Nobody signs in as it.
CREATE ROLE stemhub_owner NOLOGIN;
-- Changes the schema. Whatever it makes belongs to the owner, because it acts as the owner from its first statement.
CREATE ROLE stemhub_migrator LOGIN PASSWORD :'migrator_password' IN ROLE stemhub_owner;
ALTER ROLE stemhub_migrator SET role = 'stemhub_owner';
-- What the app may do, apart from the login it does it by, so that a login can be replaced while the app runs.
CREATE ROLE stemhub_app NOLOGIN;
CREATE ROLE stemhub_app_1 LOGIN PASSWORD :'app_password' IN ROLE stemhub_app;

CREATE DATABASE stemhub OWNER stemhub_owner;
REVOKE ALL ON DATABASE stemhub FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE stemhub TO stemhub_app;

\connect stemhub
ALTER SCHEMA public OWNER TO stemhub_owner;
GRANT USAGE ON SCHEMA public TO stemhub_app;
ALTER DEFAULT PRIVILEGES FOR ROLE stemhub_owner GRANT USAGE ON SCHEMAS TO stemhub_app;
ALTER DEFAULT PRIVILEGES FOR ROLE stemhub_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO stemhub_app;
ALTER DEFAULT PRIVILEGES FOR ROLE stemhub_owner GRANT USAGE, SELECT ON SEQUENCES TO stemhub_app;

import { MercuryError, StoreError } from '../../errors.ts'
import type { Connection, Statement } from './connection.ts'
import { lockOf } from './parameters.ts'

/** What is asked of one table. Keys and values travel as parameters, and come back as base64: pg reads every answer as text. */
export interface Table {
  readonly name: string
  /** $1 key */
  readonly get: Statement
  /** $1 keys, $2 bytes. Answers key and value of those that are there; NULL for a value of more than $2. */
  readonly getMany: Statement
  /** $1 lock of the table, $2 locks of the keys or NULL, $3 and $4 checks, $5 deletes, $6 and $7 puts. Answers the number of the first check that does not hold, or NULL. */
  readonly batch: Statement
  /** $1 first key, $2 first key that is above it all, $3 entries, $4 bytes. Answers key, value and how many entries there were before `$4` cut them off. */
  readonly ascending: Statement
  readonly descending: Statement
}

/** Stands as the table's comment and tells what it is. A later layout is another number. */
const LAYOUT = 'mercury-profiles key-value store, layout 1'

const FUNCTION_ARGUMENTS = 'bigint, bigint[], bytea[], bytea[], bytea[], bytea[], bytea[]'

/** @throws MercuryError `INVALID_ARGUMENT` when `name` is not a plain identifier: it is the one thing that stands in SQL text */
export const tableOf = (name: string): Table => {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new MercuryError('INVALID_ARGUMENT', 'a table is named by 1 to 63 of a-z, 0-9 and _, no digit first')
  return {
    name,
    get: { name: 'mercury get', text: `SELECT encode(value, 'base64') FROM "${name}" WHERE key = $1` },
    getMany: { name: 'mercury get many', text: `SELECT encode(key, 'base64'), CASE WHEN octet_length(value) <= $2 THEN encode(value, 'base64') END FROM "${name}" WHERE key = ANY($1::bytea[])` },
    batch: { name: 'mercury batch', text: `SELECT "${name}"($1, $2, $3, $4, $5, $6, $7)` },
    ascending: { name: 'mercury ascending', text: pageText(name, 'ASC') },
    descending: { name: 'mercury descending', text: pageText(name, 'DESC') }
  }
}

/**
 * Makes the table where it is missing, and refuses one that this version did not make. Several may open at once.
 *
 * @throws StoreError, and what the server answers
 */
export const prepareTable = async (connection: Connection, { name }: Table, signal: AbortSignal | undefined): Promise<void> => {
  const look = async (): Promise<boolean> => {
    const [row] = await connection.query(LOOK, [`"${name}"`, `"${name}"(${FUNCTION_ARGUMENTS})`], signal)
    const [isThere, layout, isWhole] = row ?? []
    if (isThere === 't' && (layout !== LAYOUT || isWhole !== 't')) throw new StoreError(`the table ${name} was not made by this version of the store, or not whole; name another one`)
    return isThere === 't'
  }
  if (await look()) return
  await connection.query({ text: creationText(name) }, [], signal)
  await look()
}

const LOOK: Statement = { text: 'SELECT to_regclass($1::text) IS NOT NULL, obj_description(to_regclass($1::text)::oid, \'pg_class\'), to_regprocedure($2::text) IS NOT NULL' }

/**
 * The window cuts a page off behind the entry that brings it over $4 bytes; sizes of long values are known without reading them.
 * $3 bounds what the window looks at.
 */
const pageText = (name: string, order: 'ASC' | 'DESC'): string => `
  SELECT encode(key, 'base64'), encode(value, 'base64'), entries
  FROM (
    SELECT key, value, count(*) OVER () AS entries, sum(octet_length(value)) OVER (ORDER BY key ${order}) - octet_length(value) AS before
    FROM (SELECT key, value FROM "${name}" WHERE key >= $1 AND key < $2 ORDER BY key ${order} LIMIT $3) page
  ) sized
  WHERE before < $4
  ORDER BY key ${order}`

/**
 * The function is the batch: one statement, so one round trip, and never a transaction that waits for its client.
 * Locks of rows would not hold a key that is absent, so it takes an advisory lock for every key that it touches; each statement in it then sees what was committed before the locks were had.
 * Values are signed or hashed more often than not and do not compress.
 */
const creationText = (name: string): string => `
DO $do$
BEGIN
  PERFORM pg_advisory_xact_lock(${lockOf(name)});
  IF to_regclass('"${name}"') IS NOT NULL THEN
    RETURN;
  END IF;
  CREATE TABLE "${name}" (key bytea PRIMARY KEY, value bytea NOT NULL);
  ALTER TABLE "${name}" ALTER COLUMN value SET STORAGE EXTERNAL;
  COMMENT ON TABLE "${name}" IS '${LAYOUT}';
  CREATE FUNCTION "${name}"(whole bigint, locks bigint[], check_keys bytea[], check_values bytea[], delete_keys bytea[], put_keys bytea[], put_values bytea[])
  RETURNS bigint LANGUAGE plpgsql AS $function$
  DECLARE
    broken bigint;
  BEGIN
    IF locks IS NULL THEN
      PERFORM pg_advisory_xact_lock(whole);
    ELSE
      PERFORM pg_advisory_xact_lock_shared(whole);
      PERFORM pg_advisory_xact_lock(lock) FROM unnest(locks) AS taken (lock);
    END IF;
    IF cardinality(check_keys) > 0 THEN
      SELECT number INTO broken
      FROM unnest(check_keys, check_values) WITH ORDINALITY AS checked (checked_key, expected, number)
      LEFT JOIN "${name}" ON key = checked_key
      WHERE value IS DISTINCT FROM expected
      ORDER BY number LIMIT 1;
      IF broken IS NOT NULL THEN
        RETURN broken;
      END IF;
    END IF;
    IF cardinality(delete_keys) > 0 THEN
      DELETE FROM "${name}" WHERE key = ANY (delete_keys);
    END IF;
    IF cardinality(put_keys) > 0 THEN
      INSERT INTO "${name}" (key, value) SELECT * FROM unnest(put_keys, put_values)
      ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
    END IF;
    RETURN NULL;
  END
  $function$;
END
$do$`

import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type { Session } from "./probe/session.ts";

/** PostgreSQL's default (scram_iterations). */
const iterations = 4096;

/**
 * What PostgreSQL keeps of a password. Sent in its place, so that no password is ever in a statement, which logs and
 * activity views show.
 * Source: RFC 5803, and https://www.postgresql.org/docs/17/catalog-pg-authid.html
 *
 * @param password ASCII, as ours are: others would have to be normalised first (SASLprep).
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const hmac = (words: string) => createHmac("sha256", salted).update(words).digest();
  const stored = createHash("sha256").update(hmac("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${hmac("Server Key").toString("base64")}`;
}

/** Lets a role in by a password. Safe to repeat. @param role one of ours, in letters that need no quoting */
export async function openLogin(session: Session, role: string, password: string): Promise<void> {
  await session.query(`ALTER ROLE ${role} LOGIN PASSWORD '${scramVerifier(password)}'`);
}

/** Lets a role in no more, and ends its sessions. Safe to repeat. @param role as in openLogin */
export async function closeLogin(session: Session, role: string): Promise<void> {
  await session.query(`ALTER ROLE ${role} NOLOGIN PASSWORD NULL`);
  await session.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`);
}

import { expect, test } from "vitest";
import { closeLogin, openLogin, scramVerifier } from "./logins.ts";

/** Computed by Python's hashlib and hmac; that PostgreSQL lets a login in by it is what e2e app shows. */
const known = {
  password: "BlueRoom17",
  salt: Buffer.from(Array.from({ length: 16 }, (_, i) => i)),
  verifier:
    "SCRAM-SHA-256$4096:AAECAwQFBgcICQoLDA0ODw==$6A1Mr9rpqaeQg+o2UGShs+1Eq6UY75TWpQJ9E6Zm+KI=:S0vViZONxa29/UyYxGfLg0RYEghQVbiOy7KEfY0fGTE=",
};

test("the verifier is what PostgreSQL keeps", () => {
  expect(scramVerifier(known.password, known.salt)).toBe(known.verifier);
});

test("no statement holds the password", async () => {
  const said: string[] = [];
  const session = {
    open: true,
    close: () => undefined,
    query: async (statement: string) => {
      said.push(statement);
      return [];
    },
  };
  await openLogin(session, "stemhub_app_2", "s3cret");
  await closeLogin(session, "stemhub_app_1");
  expect(said[0]).toMatch(/^ALTER ROLE stemhub_app_2 LOGIN PASSWORD 'SCRAM-SHA-256\$4096:/);
  expect(said.join("\n")).not.toContain("s3cret");
});

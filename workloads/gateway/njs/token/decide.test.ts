import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { keySet, mint, now, policy } from "../../testing/token/mint.ts";
import { answerRefusal } from "./answer.ts";
import { decideUser, type Known } from "./decide.ts";

const carriers = (token: string) => ({ authorization: `Bearer ${token}`, cookies: undefined });
const nobody = { token: () => false, subject: () => undefined };

/** A gateway that remembers: what it keeps, for how long, and how often it was asked in vain. */
function aGateway() {
  const kept = new Map<string, { value: string; seconds: number }>();
  let misses = 0;
  const cache = {
    get: (key: string) => {
      const entry = kept.get(key);
      if (!entry) misses += 1;
      return entry?.value;
    },
    set: (key: string, value: string, seconds: number) => kept.set(key, { value, seconds }),
  };
  const known = (more: Partial<Known> = {}): Known => ({
    policy,
    trust: { keys: () => keySet, version: "1", fetched: now },
    revoked: nobody,
    authDown: () => false,
    hash: (text) => createHash("sha256").update(text).digest("base64url"),
    cache,
    now,
    ...more,
  });
  return { kept, misses: () => misses, known };
}

test("a token that comes again is not verified again, and its hash alone is kept", async () => {
  const { kept, misses, known } = aGateway();
  const token = mint();
  for (let i = 0; i < 3; i++) expect((await decideUser(carriers(token), true, known())).claims?.sub).toBe("ada");
  expect(misses()).toBe(1);
  expect(JSON.stringify([...kept])).not.toContain(token.split(".")[2]);
  expect([...kept.values()].map(({ seconds }) => seconds)).toEqual([600 + 30 + 600]);
});

test("what is remembered is judged anew: time, revocations, and the version of the keys", async () => {
  const { misses, known } = aGateway();
  const decide = async (more: Partial<Known>) => (await decideUser(carriers(mint()), true, known(more))).refusal;
  expect(await decide({})).toBeUndefined();
  expect(await decide({ now: now + 700 })).toBe("Expired");
  expect(await decide({ revoked: { ...nobody, token: () => true } })).toBe("TokenRevoked");
  expect(await decide({ trust: { keys: () => keySet, version: "1", fetched: now - 13 * 3600 } })).toBe("KeysTooOld");
  expect(misses()).toBe(1);
  expect(await decide({ trust: { keys: () => [], version: "2", fetched: now } })).toBe("UnknownKey");
});

test("a token that is refused leaves nothing behind, so nobody can fill the cache with them", async () => {
  const { kept, known } = aGateway();
  const forged = `${mint().slice(0, -8)}AAAAAAAA`;
  expect((await decideUser(carriers(forged), true, known())).refusal).toBe("BadSignature");
  expect(kept.size).toBe(0);
});

test.each([
  ["NoToken", false, 401, 'Bearer realm="stemhub"'],
  ["NoToken", true, 503, undefined],
  ["Expired", false, 401, "expired"],
  ["Expired", true, 503, undefined],
  ["BadSignature", true, 401, "invalid_token"],
  ["SubjectRevoked", true, 401, "revoked"],
  ["KeysTooOld", false, 503, undefined],
] as const)("given %s and auth down: %s, the answer is %i", (refusal, authDown, status, says) => {
  const answer = answerRefusal(refusal, authDown);
  expect(answer.status).toBe(status);
  if (says === undefined) expect(answer).not.toHaveProperty("wwwAuthenticate");
  else expect(answer.wwwAuthenticate).toContain(says);
});

import { hashOf, type Write, writeId } from "../write.ts";

/** A write as ada of the studio would make it: a project gets another name. */
export function aWrite(more: Partial<Write> = {}): Write {
  const key = more.key ?? "5f0c1a52-9f2b-4a35-a5f0-2f1f4f0e7a11";
  return {
    id: writeId(key),
    key,
    component: "api",
    method: "PATCH",
    uri: "/api/projects/7?notify=1",
    aggregate: "/api/projects/7",
    contentType: "application/json",
    requestId: "request-1",
    claims: { iss: "https://studio.example", sub: "ada", jti: "token-1", iat: 1_700_000_000 },
    bodyHash: hashOf(Buffer.from('{"name":"Second take"}')),
    idempotency: "key",
    acceptedAt: Date.parse("2026-03-01T12:00:00Z"),
    ...more,
  };
}

import { describe, expect, test } from "vitest";
import { readVerify } from "./verify.ts";

/* Texts are those of pgBackRest 2.55.1; what it says of real damage now is in repository.pgbackrest.test.ts. */

const archive = "  archiveId: 17-1, total WAL checked: 6, total valid WAL: 6\n";
const full = "  backup: 20261125-094326F, status: valid, total files checked: 966, total valid files: 966\n";
const none = "    missing: 0, checksum invalid: 0, size invalid: 0, other: 0\n";

describe("what verify says", () => {
  test("given that all is well, then there is no damage", () => {
    expect(readVerify(`stanza: db\nstatus: ok\n${archive}${none}${full}${none}`)).toEqual([]);
  });

  test("given files that are missing and a segment that is not read, then both are named", () => {
    const text = `stanza: db
status: error
  archiveId: 17-1, total WAL checked: 6, total valid WAL: 5
    missing: 0, checksum invalid: 0, size invalid: 0, other: 1
  backup: 20261125-094326F, status: invalid, total files checked: 966, total valid files: 217
    missing: 749, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261125-094326F_20261125-094331D, status: valid, total files checked: 967, total valid files: 967
${none}`;
    expect(readVerify(text)).toEqual([
      { of: "archive", name: "17-1", words: ["other: 1"] },
      { of: "backup", name: "20261125-094326F", words: ["missing: 749"] },
    ]);
  });

  test.each([
    ["nothing, as without --verbose", ""],
    ["an error and no section that has one", `stanza: db\nstatus: error\n${archive}${none}`],
    ["half a text", "stanza: db\nsta"],
  ])("given %s, then it is not taken for well", (_, text) => {
    expect(() => readVerify(text)).toThrow();
  });
});

import { expect, test } from "vitest";
import { consoleProgress, elapsed, type ProgressOutput } from "./progress.ts";

test.each([
  [400, "0.4 s"],
  [9_940, "9.9 s"],
  [38_400, "38 s"],
  [185_000, "3 min 05 s"],
  [59_999, "60 s"],
])("%d ms read as %s", (ms, text) => {
  expect(elapsed(ms)).toBe(text);
});

test("a short step is told once, at its end", async () => {
  const output = new FakeOutput();
  await consoleProgress(output).step("secrets", async () => output.pass(1_500));
  expect(output.text).toBe("✓ secrets  1.5 s\n");
});

test("a long step says every 15 s that it is still at it, and what it does", async () => {
  const output = new FakeOutput();
  await consoleProgress(output).step("images", async (progress) => {
    progress.note("postgres");
    output.pass(20_000);
  });
  expect(output.text).toBe("… images  2.0 s  postgres\n… images  17 s  postgres\n✓ images  20 s\n");
});

test("a step that fails says so, and its error passes through", async () => {
  const output = new FakeOutput();
  const failing = consoleProgress(output).step("install", () => Promise.reject(new Error("no chart")));
  await expect(failing).rejects.toThrow("no chart");
  expect(output.text).toBe("✗ install  0.0 s\n");
});

test("steps nest by indentation", async () => {
  const output = new FakeOutput();
  await consoleProgress(output).step("cluster", (inner) => inner.step("nodes", async () => output.pass(100)));
  expect(output.text).toBe("  ✓ nodes  0.1 s\n✓ cluster  0.1 s\n");
});

test("while an inner step is under way, it speaks and the outer one does not", async () => {
  const output = new FakeOutput();
  await consoleProgress(output).step("images", (inner) => inner.step("postgres", async () => output.pass(3_000)));
  expect(output.text).toBe("  … postgres  2.0 s\n  ✓ postgres  3.0 s\n✓ images  3.0 s\n");
});

/** A console without a person, whose time passes when told. */
class FakeOutput implements ProgressOutput {
  readonly interactive = false;
  text = "";
  #now = 0;
  readonly #ticks = new Set<() => void>();

  write(text: string): void {
    this.text += text;
  }

  now(): number {
    return this.#now;
  }

  every(_ms: number, tick: () => void): () => void {
    this.#ticks.add(tick);
    return () => this.#ticks.delete(tick);
  }

  /** Lets time pass second by second. */
  pass(ms: number): void {
    const end = this.#now + ms;
    while (this.#now + 1_000 <= end) {
      this.#now += 1_000;
      for (const tick of this.#ticks) tick();
    }
    this.#now = end;
  }
}

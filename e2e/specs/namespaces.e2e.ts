import { expect, test } from "vitest";
import { bindOperator } from "../support/namespace.ts";
import { condition, type SeenStemHub, untilStemHub } from "../support/ready.ts";
import { echoStemHub, inNamespace } from "../support/suite.ts";

const kubectl = inNamespace("e2e-namespaces", { bound: false });

test("given a namespace without rights for the operator, when a StemHub is made in it, then it says which command grants them", async () => {
  await kubectl.apply(echoStemHub("outside"));
  const stemhub = await untilStemHub(kubectl, "outside", "condition=Stalled", 30_000);
  expect(condition(stemhub, "Ready")).toMatchObject({ status: "False", reason: "NamespaceNotBound" });
  expect(grant(stemhub)).toContain("create rolebinding");
  expect(await kubectl.list("statefulsets")).toEqual([]);
});

test("when an admin runs that command as it stands, then the StemHub is begun", async () => {
  const stemhub = await untilStemHub(kubectl, "outside", "condition=Stalled", 30_000);
  const [, ...args] = grant(stemhub).split(" ");
  await kubectl.run(args);
  await untilStemHub(kubectl, "outside", "condition=DatabaseAvailable", 90_000);
}, 120_000);

test("the command of the documentation grants the same", async () => {
  // Found by name: it would be refused or doubled, were it another.
  await bindOperator(kubectl);
  expect(await kubectl.list("rolebindings")).toSatisfy((bindings: { metadata: { name: string } }[]) =>
    bindings.some(({ metadata }) => metadata.name === "stemhub-operator"),
  );
});

/** The command in Ready's message, from `kubectl` to its end. */
function grant(stemhub: SeenStemHub): string {
  const { message = "" } = condition(stemhub, "Ready") ?? {};
  return message.slice(message.indexOf("kubectl ")).trim();
}

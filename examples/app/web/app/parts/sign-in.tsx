"use client";

import { type FormEvent, useState } from "react";
import { change } from "../platform/requests.ts";

/** Signs in; or signs up, and in. */
export function SignIn({ path, done }: { readonly path: string; readonly done: () => Promise<void> }) {
  const [told, setTold] = useState("");
  const [isNew, setNew] = useState(false);

  async function enter(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const account = Object.fromEntries(new FormData(event.currentTarget));
    const steps = isNew ? ["/api/signup", path] : [path];
    for (const step of steps) {
      const answer = await change("POST", step, account, crypto.randomUUID());
      if (answer.kind !== "done") return setTold(answer.kind === "refused" ? answer.detail : answer.message);
    }
    await done();
  }

  return (
    <section>
      <h2>{isNew ? "Sign up" : "Sign in"}</h2>
      <form onSubmit={(event) => void enter(event)}>
        {isNew ? (
          <label>
            Name
            <input name="name" required maxLength={100} autoComplete="name" />
          </label>
        ) : null}
        <label>
          Address
          <input name="email" type="email" required autoComplete="username" />
        </label>
        <label>
          Password
          <input name="password" type="password" required minLength={10} autoComplete="current-password" />
        </label>
        <button type="submit">{isNew ? "Sign up" : "Sign in"}</button>
        <button type="button" onClick={() => setNew(!isNew)}>
          {isNew ? "I have an account" : "I am new here"}
        </button>
      </form>
      <p className="told" role="alert">
        {told}
      </p>
    </section>
  );
}

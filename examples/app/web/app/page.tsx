import { Studio } from "./parts/studio.tsx";

/** Each page has a nonce of its own, so none is made beforehand. */
export const dynamic = "force-dynamic";

export default function Page() {
  return (
    <Studio
      signIn={process.env.SIGN_IN_PATH || "/auth/signin"}
      signOut={process.env.SIGN_OUT_PATH || "/auth/signout"}
    />
  );
}

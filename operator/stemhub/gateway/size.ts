/** A Kubernetes quantity in bytes: nginx knows only k, m and g. */
export function sizeInBytes(size: string | number): number {
  const match = /^([0-9.]+)(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/.exec(String(size));
  const unit = match?.[2];
  // k and Ki differ in case, the others do not.
  const exponent = unit ? "kmgtp".indexOf(unit.charAt(0).toLowerCase()) + 1 : 0;
  const base = unit?.endsWith("i") ? 1024 : 1000;
  return Math.round(Number(match?.[1] ?? 0) * base ** exponent);
}

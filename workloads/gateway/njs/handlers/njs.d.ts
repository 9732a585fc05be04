/** What njs 0.8.9 has and njs-types 0.8.2 does not say. */
interface NginxHTTPRequest {
  /** The value of the variable that an asynchronous handler of js_set is asked for. */
  setReturnValue(value: string): void;
}

interface NgxSharedDict<V extends string | number = string | number> {
  /** `timeout`: ms for which the entry is kept, in a zone that has a timeout. */
  set(key: string, value: V, timeout: number): this;
}

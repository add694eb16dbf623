/** What ajv found, said for people: where, what was found missing or wrong, what was expected. */

export interface ErrorObject {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** The most telling of the errors as one sentence. Never quotes a value: it may be hostile, or long. */
export function explainSchemaErrors(what: string, errors: readonly ErrorObject[] | null | undefined): string {
  const error = [...(errors ?? [])].sort(byTelling)[0];
  if (error === undefined) return `${what} does not fit its schema`;
  const where = `${what}${error.instancePath.replaceAll("/", ".").replaceAll("~1", "/").replaceAll("~0", "~").slice(0, 200)}`;
  switch (error.keyword) {
    case "additionalProperties":
      return `${where} has the unknown key ${JSON.stringify(String(error.params["additionalProperty"]).slice(0, 64))}`;
    case "required":
      return `${where} lacks the key ${JSON.stringify(error.params["missingProperty"])}`;
    case "enum":
      return `${where} must be one of ${JSON.stringify(error.params["allowedValues"])}`;
    case "const":
      return `${where} must be ${JSON.stringify(error.params["allowedValue"])}`;
    default:
      return `${where} ${error.message ?? "does not fit its schema"}`;
  }
}

/** Of the branches of an anyOf, "must be null" is the one that nobody meant; else the deepest error tells most. */
function byTelling(a: ErrorObject, b: ErrorObject): number {
  return rank(b) - rank(a);
}

function rank({ keyword, instancePath, params }: ErrorObject): number {
  const depth = instancePath.split("/").length * 2;
  if (keyword === "anyOf" || keyword === "oneOf" || keyword === "if") return depth - 3;
  if (keyword === "type" && params["type"] === "null") return depth - 2;
  return depth;
}

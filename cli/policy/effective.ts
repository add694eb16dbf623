/** From a folder's data files and the documents named on the command line to the whole `data` of a policy. */

import type { JsonObject } from "../../engine/json.js";
import { effectiveData } from "../../engine/policy/data.js";
import type { FolderData } from "./data-files.js";
import { shippedData } from "./shipped.js";

/**
 * The folder's data document and the given ones over their profile, beside the folder's other data. The function throws
 * PolicyError where a document does not fit the schema, or two contradict each other.
 */
export function effectiveFolderData(documents: readonly JsonObject[]): (own: FolderData) => JsonObject {
  return ({ launchgate, others }) => ({
    ...others,
    launchgate: effectiveData([...(launchgate === null ? [] : [launchgate]), ...documents], shippedData()),
  });
}

import { LaunchError } from "../../engine/errors.js";

/** The code of what `action` throws; "" where it does not throw. Anything but an error of ours goes on up. */
export function codeOf(action: () => unknown): string {
  try {
    action();
    return "";
  } catch (error) {
    if (error instanceof LaunchError) return error.code;
    throw error;
  }
}

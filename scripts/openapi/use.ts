// Compiles only when the generated types say what a program relies on.
import type { components, paths } from "./api";

type Snapshot = components["schemas"]["Snapshot"];
type Process = paths["/api/v1/system/processes/{pid}"]["get"]["responses"]["200"]["content"]["application/json"];
type Processes = paths["/api/v1/system/processes"]["get"]["responses"]["200"]["content"]["application/json"];

export function started(process: Process): Date {
  return new Date(process.start_time);
}

export function names(list: Processes): (string | undefined)[] {
  return list.items.map((process) => process.name);
}

export function families(snapshot: Snapshot): string[] {
  return Object.keys(snapshot.status);
}

export const include: paths["/api/v1/system/snapshot"]["get"]["parameters"]["query"] = {
  include: ["cpu", "memory"],
};

// What can be administered. A further section is a line here and a module with `open(place, path)`; it is fetched when first looked at.
export const SECTIONS = [
  { name: "calendars", icon: "calendar", module: () => import("./calendars.js") },
  { name: "policies", icon: "clock", module: () => import("./policies.js") },
  { name: "adoption", icon: "sync", module: () => import("./adoption.js") },
  { name: "attainment", icon: "chart", module: () => import("./attainment.js") },
  { name: "queues", icon: "queue", module: () => import("./queues.js") },
  { name: "skills", icon: "verified", module: () => import("./skills.js") },
  { name: "agents", icon: "person", module: () => import("./agents.js") },
  { name: "rules", icon: "transfer", module: () => import("./rules.js") },
  { name: "duties", icon: "done", module: () => import("./duties.js") },
  { name: "causes", icon: "question", module: () => import("./causes.js") },
  { name: "acknowledgement", icon: "send", module: () => import("./acknowledgement.js") },
  { name: "teams", icon: "people", module: () => import("./teams.js") },
];

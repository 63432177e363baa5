// Evaluates the generated service control policies against the table in cases.json: who is denied what, and by which statement.
//
// The evaluation is @cloud-copilot/iam-simulate's; nothing here decides what a policy means. It must not reach an account or a network.
// Usage: node evaluate.cjs FOLDER-OF-DOCUMENTS FOLDER-WITH-NODE_MODULES (scripts/lint-templates calls it)
"use strict";

const { createRequire } = require("node:module");
const { readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");

const [documentsFolder, modulesFolder] = process.argv.slice(2);
const { runSimulation } = createRequire(path.join(path.resolve(modulesFolder), "index.js"))("@cloud-copilot/iam-simulate");

const account = "111122223333";
const allowAll = { Version: "2012-10-17", Statement: [{ Sid: "All", Effect: "Allow", Action: "*", Resource: "*" }] };
const read = (file) => JSON.parse(readFileSync(file, "utf8"));

// Whoever is asked about may do everything by IAM, and the organisation's own default allows everything, so what is denied is denied by us.
const documents = readdirSync(documentsFolder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => ({ name: file, policy: read(path.join(documentsFolder, file)) }));
const serviceControlPolicies = [{ orgIdentifier: "ou-example", policies: [{ name: "FullAWSAccess", policy: allowAll }, ...documents] }];

// A key also asks its own policy, which here leaves everything to IAM.
const keyPolicy = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "kms:*", Resource: "*" }],
};

function simulationOf({ role, partition = "aws", action, resource, context = {} }) {
  const arn = resource.replace(/^arn:aws:/, `arn:${partition}:`);
  const principal = `arn:${partition}:iam::${account}:role/${role}`;
  return {
    identityPolicies: [{ name: "everything", policy: allowAll }],
    serviceControlPolicies,
    resourceControlPolicies: [],
    ...(action.startsWith("kms:") && arn.includes(":key/") ? { resourcePolicy: keyPolicy } : {}),
    request: { action, principal, resource: { resource: arn, accountId: account }, contextVariables: { "aws:PrincipalArn": principal, ...context } },
  };
}

async function answerTo(asked) {
  const response = await runSimulation(simulationOf(asked), {});
  if (response.resultType !== "single") return `not evaluated: ${JSON.stringify(response.errors ?? response.resultType)}`;
  if (response.overallResult === "Allowed") return "passes";
  const levels = response.result.analysis.scpAnalysis?.ouAnalysis ?? [];
  const statements = levels.flatMap((level) => level.denyStatements.map(({ statement }) => statement.sid()));
  return statements.length ? `denied by ${[...new Set(statements)].sort().join(", ")}` : response.overallResult;
}

async function main() {
  const cases = read(path.join(__dirname, "cases.json"));
  let wrong = 0;
  const statementsSeen = new Set();
  for (const { says, expect, ...asked } of cases) {
    const answer = await answerTo(asked);
    if (answer.startsWith("denied by ")) answer.slice("denied by ".length).split(", ").forEach((sid) => statementsSeen.add(sid));
    if (answer === expect) continue;
    wrong += 1;
    console.error(`${says}: expected \`${expect}\`, got \`${answer}\``);
  }
  for (const { name, policy } of documents) {
    for (const { Sid } of policy.Statement.filter((statement) => !statementsSeen.has(statement.Sid))) {
      wrong += 1;
      console.error(`${name}, ${Sid}: no case is denied by it; add one to cases.json`);
    }
  }
  console.log(`${cases.length} cases evaluated, ${wrong} wrong`);
  process.exitCode = wrong ? 1 : 0;
}

main();

// Compiles the deployment and the test tokens with the pinned compiler and writes the parts that Go
// needs: ABI, creation code, and the runtime code with the places of its immutables.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));

const settings = {
  viaIR: true,
  evmVersion: "osaka",
  optimizer: { enabled: true, runs: 1000000 },
  // Without metadata the code depends on the source's meaning only, so its hash can be pinned.
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: {
    "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode"] },
  },
};

function compile(folder) {
  const sources = {};
  for (const name of readdirSync(folder).filter((n) => n.endsWith(".sol")).sort()) {
    sources[name] = { content: readFileSync(join(folder, name), "utf8") };
  }
  const out = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
  const problems = (out.errors ?? []).filter((e) => e.severity !== "info");
  if (problems.length > 0) {
    for (const p of problems) console.error(p.formattedMessage);
    process.exit(1);
  }
  return { sources, contracts: out.contracts };
}

function write(folder, into) {
  mkdirSync(into, { recursive: true });
  const { sources, contracts } = compile(folder);
  for (const [file, byName] of Object.entries(contracts)) {
    for (const [name, c] of Object.entries(byName)) {
      if (c.evm.bytecode.object === "") continue;
      const artifact = {
        source: basename(file),
        sourceSha256: createHash("sha256").update(sources[file].content).digest("hex"),
        compiler: solc.version(),
        abi: c.abi,
        bytecode: "0x" + c.evm.bytecode.object,
        runtime: "0x" + c.evm.deployedBytecode.object,
        immutables: Object.values(c.evm.deployedBytecode.immutableReferences ?? {})
          .flat()
          .map((r) => r.start)
          .sort((a, b) => a - b),
      };
      writeFileSync(join(into, name + ".json"), JSON.stringify(artifact, null, 2) + "\n");
    }
  }
}

write(process.argv[2] ?? join(here, "src"), process.argv[3] ?? join(here, "artifacts"));

// How to call this endpoint from another program: lines to copy.

import { copyButton, el, tabs } from "./dom.js";

const clients = (name) => ({
  boto3: `import boto3

runtime = boto3.client("sagemaker-runtime")
response = runtime.invoke_endpoint(EndpointName="${name}", Body=b"your input")
print(response["Body"].read())`,
  sagemaker_runtime: `from sagemaker_runtime import InvokeEndpointInput, SyncClient

with SyncClient.load() as client:
    params = InvokeEndpointInput(endpoint_name="${name}", body=b"your input")
    print(client.invoke_endpoint(params).body)`,
  "command line": `sagemaker-runtime invoke --endpoint-name ${name} --body 'your input'`,
  "AWS CLI": `aws sagemaker-runtime invoke-endpoint --endpoint-name ${name} \\
    --cli-binary-format raw-in-base64-out --body 'your input' /dev/stdout`,
});

export function connecting(facts, name) {
  const code = el("div");
  const examples = clients(name ?? "your-endpoint");
  const list = el(
    "div",
    { class: "tabs", role: "tablist", "aria-label": "Clients" },
    Object.keys(examples).map((label) => el("button", { type: "button", role: "tab" }, label)),
  );
  const choose = tabs(list, (tab) => code.replaceChildren(block(examples[tab.textContent])));
  choose(list.firstElementChild, false);
  return [
    el("p", {}, "In a shell:"),
    block(facts.lines.join("\n")),
    el("p", {}, "Then, in the same shell, with any AWS client:"),
    list,
    code,
  ];
}

function block(text) {
  return el("div", { class: "block" }, el("pre", { tabindex: "0" }, text), copyButton(text));
}

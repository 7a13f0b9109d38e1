// The official JavaScript client, remote-controlled: commands come as JSON lines, events and results go out as such.
import { createInterface } from "node:readline";
import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

const say = (event, facts = {}) => process.stdout.write(JSON.stringify({ event, ...facts }) + "\n");
const tokens = [];
let client;

function watchSubscription(sub) {
  for (const event of ["subscribed", "unsubscribed", "publication", "join", "leave", "error"]) {
    sub.on(event, (context) => say(event, context));
  }
  return sub;
}

const commands = {
  connect({ url, token }) {
    client = new Centrifuge(url, {
      websocket: WebSocket,
      token,
      getToken: () =>
        new Promise((resolve) => {
          tokens.push(resolve);
          say("getToken");
        }),
      minReconnectDelay: 20,
      maxReconnectDelay: 50,
    });
    for (const event of ["connected", "disconnected", "error"]) {
      client.on(event, (context) => say(event, context));
    }
    client.connect();
  },
  token: ({ token }) => tokens.shift()(token),
  subscribe: ({ channel, options }) => watchSubscription(client.newSubscription(channel, options)).subscribe(),
  leaveWhenSubscribed: ({ channel }) =>
    client.getSubscription(channel).once("subscribed", () => client.getSubscription(channel).unsubscribe()),
  subscribeAgain: ({ channel }) => client.getSubscription(channel).subscribe(),
  unsubscribe: ({ channel }) => client.getSubscription(channel).unsubscribe(),
  disconnect: () => client.disconnect(),
  call({ name, args }) {
    client[name](...args).then(
      (result) => say("result", { result }),
      (error) => say("refused", { code: error.code, message: error.message }),
    );
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { command, ...args } = JSON.parse(line);
    commands[command](args);
  })
  .on("close", () => process.exit(0));

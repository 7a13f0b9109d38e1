// The official JavaScript client, remote-controlled: commands come as JSON lines, events and results go out as such.
import { createInterface } from "node:readline";
import * as json from "centrifuge";
import * as protobuf from "centrifuge/build/protobuf";
import WebSocket from "ws";

const say = (event, facts = {}) => process.stdout.write(JSON.stringify({ event, ...facts }) + "\n");
const tokens = [];
const positions = [];
const asked = (what, waiting, facts) =>
  new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    say(what, facts);
  });
let client;
let watched;

function watchSubscription(sub) {
  for (const event of ["subscribed", "unsubscribed", "publication", "join", "leave", "error", ...watched]) {
    sub.on(event, (context) => say(event, { channel: sub.channel, ...context }));
  }
  return sub;
}

const acts = {
  unsubscribe: (channel) => client.getSubscription(channel).unsubscribe(),
  subscribe: (channel) => client.getSubscription(channel).subscribe(),
  disconnect: () => client.disconnect(),
};

const commands = {
  // `watches` names events of client and subscriptions that are said too; `isBinary` asks for the binary protocol;
  // `isAsking` says whether the client asks for tokens.
  connect({ url, token, watches = [], isBinary = false, isAsking = true, options = {} }) {
    watched = watches;
    client = new (isBinary ? protobuf : json).Centrifuge(url, {
      websocket: WebSocket,
      token,
      getToken: isAsking ? () => asked("getToken", tokens) : null,
      minReconnectDelay: 20,
      maxReconnectDelay: 50,
      ...options,
    });
    for (const event of ["connected", "disconnected", "error", ...watched]) {
      client.on(event, (context) => say(event, context));
    }
    client.connect();
  },
  connectAgain: () => client.connect(),
  token: ({ token }) => tokens.shift().resolve(token),
  noToken: () => tokens.shift().reject(new json.UnauthorizedError("no token")),
  position: ({ position }) => positions.shift().resolve(position),
  subscribe({ channel, options: { isAskingForState = false, ...options } }) {
    if (isAskingForState) options.getState = () => asked("getState", positions, { channel });
    watchSubscription(client.newSubscription(channel, options)).subscribe();
  },
  whenSubscribed: ({ channel, does }) =>
    client.getSubscription(channel).once("subscribed", () => does.forEach((act) => acts[act](channel))),
  subscribeAgain: ({ channel }) => acts.subscribe(channel),
  unsubscribe: ({ channel }) => acts.unsubscribe(channel),
  disconnect: () => acts.disconnect(),
  call({ id, name, args }) {
    client[name](...args).then(
      (result) => say("result", { id, result }),
      (error) => say("refused", { id, code: error.code, message: error.message, temporary: error.temporary }),
    );
  },
  // All of them go out in one frame.
  batch({ calls }) {
    client.startBatching();
    for (const { command, ...args } of calls) commands[command](args);
    client.stopBatching();
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { command, ...args } = JSON.parse(line);
    commands[command](args);
  })
  .on("close", () => process.exit(0));

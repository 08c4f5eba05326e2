// The client is a folder of this repository, and a link in node_modules. An app that has it from npm needs no such file.

const { getDefaultConfig } = require("expo/metro-config");
const path = require("node:path");

const config = getDefaultConfig(__dirname);
config.watchFolders = [path.resolve(__dirname, "../../clients/typescript")];
module.exports = config;

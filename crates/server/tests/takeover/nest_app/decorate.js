// Decorators are applied by hand, as a compiler would: those of a method, and the one of its only parameter.

require("reflect-metadata");

function route(controller, method, parameter, ...decorators) {
  const { prototype } = controller;
  parameter(prototype, method, 0);
  Reflect.defineMetadata("design:paramtypes", [Object], prototype, method);
  const property = Object.getOwnPropertyDescriptor(prototype, method);
  Object.defineProperty(prototype, method, Reflect.decorate(decorators, prototype, method, property));
}

module.exports = { route };

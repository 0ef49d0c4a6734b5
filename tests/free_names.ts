// The names that a piece of source uses and does not declare
import { parse } from "acorn";

// deno-lint-ignore no-explicit-any
type Node = any;

/** Free identifiers of an expression. */
export function freeNames(source: string): Set<string> {
  const free = new Set<string>();
  visit(parse(`(${source})`, { ecmaVersion: "latest" }), []);
  return free;

  function visit(node: Node, scopes: Set<string>[]): void {
    if (Array.isArray(node)) return node.forEach((n) => visit(n, scopes));
    if (typeof node?.type !== "string") return;
    switch (node.type) {
      case "Identifier":
        if (!scopes.some((scope) => scope.has(node.name))) free.add(node.name);
        return;
      case "MemberExpression":
      case "Property":
      case "MethodDefinition":
      case "PropertyDefinition":
        visit(node.type === "MemberExpression" ? node.object : node.value, scopes);
        if (node.computed) visit(node.type === "MemberExpression" ? node.property : node.key, scopes);
        return;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression": {
        const scope = new Set<string>(["arguments"]);
        if (node.id) scope.add(node.id.name);
        for (const param of node.params) bind(param, scope);
        declare(node.body.type === "BlockStatement" ? node.body.body : [], scope);
        return visit([...node.params, node.body], [...scopes, scope]);
      }
      case "BlockStatement":
      case "ForStatement":
      case "ForOfStatement":
      case "ForInStatement":
      case "CatchClause": {
        const scope = new Set<string>();
        if (node.type === "CatchClause") bind(node.param, scope);
        declare(node.type === "BlockStatement" ? node.body : [node.init, node.left], scope);
        scopes = [...scopes, scope];
      }
    }
    for (const [key, child] of Object.entries(node)) {
      if (key !== "label" && typeof child === "object") visit(child, scopes);
    }
  }

  function declare(statements: Node[], scope: Set<string>): void {
    for (const s of statements) {
      if (s?.type === "VariableDeclaration") { for (const d of s.declarations) bind(d.id, scope); }
      if (s?.type === "FunctionDeclaration" || s?.type === "ClassDeclaration") scope.add(s.id.name);
    }
  }

  function bind(pattern: Node, scope: Set<string>): void {
    switch (pattern?.type) {
      case "Identifier":
        scope.add(pattern.name);
        break;
      case "ObjectPattern":
        for (const p of pattern.properties) bind(p.value ?? p.argument, scope);
        break;
      case "ArrayPattern":
        for (const p of pattern.elements) bind(p, scope);
        break;
      case "AssignmentPattern":
        bind(pattern.left, scope);
        break;
      case "RestElement":
        bind(pattern.argument, scope);
    }
  }
}

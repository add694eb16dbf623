/** OPA's intermediate representation of a compiled policy, as far as it is read here. Truth: OPA's package v1/ir. */

export type Operand =
  | { readonly type: "local"; readonly value: number }
  | { readonly type: "string_index"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean };

export interface Block {
  readonly stmts: readonly Statement[];
}

export interface PlannedFunction {
  readonly name: string;
  /** By convention input and data come first. */
  readonly params: readonly number[];
  readonly return: number;
  readonly blocks: readonly Block[];
}

export interface Plan {
  readonly static: { readonly strings?: readonly { readonly value: string }[] };
  readonly plans: { readonly plans: readonly { readonly name: string; readonly blocks: readonly Block[] }[] };
  readonly funcs?: { readonly funcs?: readonly PlannedFunction[] };
}

/** Every statement of the representation; another one, from a newer OPA, is not understood and read as "anything". */
export type Statement =
  | {
      readonly type: "DotStmt";
      readonly stmt: { readonly source: Operand; readonly key: Operand; readonly target: number };
    }
  | {
      readonly type: "AssignVarStmt" | "AssignVarOnceStmt";
      readonly stmt: { readonly source: Operand; readonly target: number };
    }
  | {
      readonly type: "CallStmt";
      readonly stmt: { readonly func: string; readonly args: readonly Operand[]; readonly result: number };
    }
  | { readonly type: "ReturnLocalStmt"; readonly stmt: { readonly source: number } }
  | { readonly type: "BlockStmt"; readonly stmt: { readonly blocks: readonly Block[] } }
  | { readonly type: "NotStmt"; readonly stmt: { readonly block: Block } }
  | {
      readonly type: "ScanStmt";
      readonly stmt: { readonly source: number; readonly key: number; readonly value: number; readonly block: Block };
    }
  | { readonly type: "MakeArrayStmt"; readonly stmt: { readonly target: number } }
  | { readonly type: "ArrayAppendStmt"; readonly stmt: { readonly value: Operand; readonly array: number } }
  | { readonly type: "SetAddStmt"; readonly stmt: { readonly value: Operand } }
  | {
      readonly type: "ObjectInsertStmt" | "ObjectInsertOnceStmt";
      readonly stmt: { readonly key: Operand; readonly value: Operand };
    }
  | { readonly type: "ObjectMergeStmt"; readonly stmt: { readonly a: number; readonly b: number } }
  | { readonly type: "EqualStmt" | "NotEqualStmt"; readonly stmt: { readonly a: Operand; readonly b: Operand } }
  | {
      readonly type: "LenStmt" | "IsArrayStmt" | "IsObjectStmt" | "IsSetStmt";
      readonly stmt: { readonly source: Operand };
    }
  | { readonly type: "ResultSetAddStmt"; readonly stmt: { readonly value: number } }
  | {
      readonly type:
        | "IsDefinedStmt"
        | "IsUndefinedStmt"
        | "BreakStmt"
        | "NopStmt"
        | "ResetLocalStmt"
        | "AssignIntStmt"
        | "MakeNullStmt"
        | "MakeNumberIntStmt"
        | "MakeNumberRefStmt"
        | "MakeObjectStmt"
        | "MakeSetStmt";
    }
  | { readonly type: "WithStmt" | "CallDynamicStmt" };

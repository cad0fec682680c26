"""What of a syntax tree is a symbol, language by language, as data for outline_code.py."""

from collections.abc import Mapping
from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Grammar:
    """The kinds of nodes of one language, by the names that its tree-sitter grammar gives them."""

    module: str  # the wheel with the grammar
    function: str = "language"  # in it
    # Shown, with nothing inside that is.
    leaves: frozenset[str]
    # Shown, and what is inside too.
    holders: frozenset[str] = frozenset()
    # Not shown; what is inside is.
    wrappers: frozenset[str] = frozenset()
    # What the signature of a symbol looks like that nobody outside may use; searched.
    private: str = ""
    comments: frozenset[str] = frozenset({"comment", "line_comment", "block_comment"})


def _kinds(text: str) -> frozenset[str]:
    return frozenset(text.split())


_JS_LEAVES: Final = (
    "function_declaration generator_function_declaration method_definition field_definition"
    " lexical_declaration variable_declaration"
)
_TS: Final = {
    "module": "tree_sitter_typescript",
    "leaves": _kinds(
        _JS_LEAVES + " function_signature method_signature abstract_method_signature"
        " public_field_definition property_signature type_alias_declaration enum_declaration"
        " call_signature construct_signature index_signature import_alias"
    ),
    "holders": _kinds(
        "class_declaration abstract_class_declaration interface_declaration internal_module module"
    ),
    "wrappers": _kinds(
        "export_statement class_body interface_body object_type statement_block ambient_declaration"
        " expression_statement ERROR program"
    ),
    "private": r"^(?:[\w\s]*\bprivate\b|(?:static |async |readonly )*#)",
}
_C_LEAVES: Final = (
    "function_definition declaration type_definition preproc_def preproc_function_def"
    " enum_specifier struct_specifier union_specifier"
)
_C_WRAPPERS: Final = (
    "preproc_ifdef preproc_if preproc_else preproc_elif preproc_elifdef linkage_specification"
    " declaration_list translation_unit ERROR"
)

GRAMMARS: Final[Mapping[str, Grammar]] = {
    # For Python that its own parser refuses: half-written files.
    "python": Grammar(
        module="tree_sitter_python",
        leaves=_kinds("function_definition"),
        holders=_kinds("class_definition"),
        wrappers=_kinds(
            "module block decorated_definition if_statement else_clause elif_clause try_statement"
            " except_clause finally_clause with_statement ERROR"
        ),
        private=r"^(?:async )?(?:def|class) _(?!_init__|_call__)",
    ),
    "javascript": Grammar(
        module="tree_sitter_javascript",
        leaves=_kinds(_JS_LEAVES),
        holders=_kinds("class_declaration"),
        wrappers=_kinds("program export_statement class_body ERROR"),
        private=r"^(?:static |async )*#",
    ),
    "typescript": Grammar(function="language_typescript", **_TS),  # type: ignore[arg-type]
    "tsx": Grammar(function="language_tsx", **_TS),  # type: ignore[arg-type]
    "go": Grammar(
        module="tree_sitter_go",
        leaves=_kinds(
            "function_declaration method_declaration const_spec var_spec type_alias method_elem"
            " field_declaration"
        ),
        holders=_kinds("type_spec"),
        wrappers=_kinds(
            "source_file type_declaration const_declaration var_declaration var_spec_list"
            " struct_type interface_type field_declaration_list ERROR"
        ),
        private=r"^(?!func |type )[a-z_]|^(?:func (?:\([^)]*\) )?|type )[a-z_]",
    ),
    "rust": Grammar(
        module="tree_sitter_rust",
        leaves=_kinds(
            "function_item function_signature_item const_item static_item type_item"
            " macro_definition associated_type union_item enum_variant field_declaration"
        ),
        holders=_kinds("struct_item enum_item trait_item impl_item mod_item foreign_mod_item"),
        wrappers=_kinds(
            "source_file declaration_list field_declaration_list enum_variant_list ERROR"
        ),
        # Those of a trait say no pub, nor do variants: see PUBLIC_INSIDE.
        private=r"^(?!pub\b|impl\b|macro_rules!)",
    ),
    "java": Grammar(
        module="tree_sitter_java",
        leaves=_kinds(
            "method_declaration constructor_declaration compact_constructor_declaration"
            " field_declaration constant_declaration enum_constant"
            " annotation_type_element_declaration"
        ),
        holders=_kinds(
            "class_declaration interface_declaration enum_declaration record_declaration"
            " annotation_type_declaration"
        ),
        wrappers=_kinds(
            "program class_body interface_body enum_body enum_body_declarations"
            " annotation_type_body ERROR"
        ),
        private=r"^(?:@\S+ )*[\w\s]*\bprivate\b",
    ),
    "c": Grammar(
        module="tree_sitter_c",
        leaves=_kinds(_C_LEAVES),
        wrappers=_kinds(_C_WRAPPERS),
        private=r"^(?:inline )?static\b",
    ),
    "cpp": Grammar(
        module="tree_sitter_cpp",
        leaves=_kinds(
            "function_definition declaration type_definition preproc_def preproc_function_def"
            " enum_specifier union_specifier alias_declaration field_declaration"
            " concept_definition using_declaration"
        ),
        holders=_kinds("class_specifier struct_specifier namespace_definition"),
        wrappers=_kinds(_C_WRAPPERS + " template_declaration field_declaration_list"),
    ),
    "ruby": Grammar(
        module="tree_sitter_ruby",
        leaves=_kinds("method singleton_method assignment alias call"),
        holders=_kinds("class module"),
        wrappers=_kinds("program body_statement singleton_class ERROR begin if unless"),
        private=(
            r"^(?!def (?!_)|(?:class|module|alias) |[A-Z]\w* *$|attr_(?:reader|writer|accessor)\b)"
        ),
    ),
    "csharp": Grammar(
        module="tree_sitter_c_sharp",
        leaves=_kinds(
            "method_declaration constructor_declaration property_declaration field_declaration"
            " event_declaration event_field_declaration delegate_declaration indexer_declaration"
            " operator_declaration enum_member_declaration conversion_operator_declaration"
            " destructor_declaration"
        ),
        holders=_kinds(
            "class_declaration interface_declaration struct_declaration record_declaration"
            " enum_declaration namespace_declaration file_scoped_namespace_declaration"
            " record_struct_declaration"
        ),
        wrappers=_kinds(
            "compilation_unit declaration_list enum_member_declaration_list preproc_if ERROR"
        ),
        private=r"^(?:\[[^\]]*\] ?)*[\w\s]*\bprivate\b",
    ),
    "bash": Grammar(
        module="tree_sitter_bash",
        leaves=_kinds("function_definition"),
        wrappers=_kinds("program if_statement elif_clause else_clause compound_statement ERROR"),
    ),
}
# Inside of these, everything is as public as they are.
PUBLIC_INSIDE: Final = frozenset({"trait_item", "enum_item", "interface_declaration"})
# Whose members share its line: the kinds of the names in them.
MEMBERS: Final = {
    "enumerator_list": frozenset({"enumerator"}),
    "enum_body": frozenset({"enum_assignment", "property_identifier"}),
}
# What several names can be declared in at once.
DECLARATIONS: Final = frozenset({"lexical_declaration", "variable_declaration"})

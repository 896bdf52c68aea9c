package lang

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// The rules of the grammar: participle fills them, and their methods turn them into the
// tree. Expressions and simple statements are parsed by functions (expression.go,
// statement.go).
type (
	sectionRule struct {
		Config *configRule `parser:"  @@"`
		Value  *valueRule  `parser:"| @@"`
		Clause *clauseRule `parser:"| @@"`
	}

	configRule struct {
		Config   lexer.Token    `parser:"@Config Assign BlockOpen"`
		Settings []*settingRule `parser:"@@*"`
		Close    lexer.Token    `parser:"@BlockClose"`
	}

	settingRule struct {
		Name  lexer.Token  `parser:"@Word Assign"`
		Value settingValue `parser:"@@ (Semicolon | Comma)*"`
	}

	clauseRule struct {
		Probes    []*probeRule `parser:"@@ (Comma @@?)*"`
		Predicate predicate    `parser:"@@?"`
		Body      *blockRule   `parser:"@@"`
	}

	probeRule struct {
		Parts []*partRule `parser:"@@ (Colon @@)*"`
	}

	partRule struct {
		Pieces []*pieceRule `parser:"@@+"`
	}

	pieceRule struct {
		Text *lexer.Token `parser:"  @ProbeText"`
		Expr parameter    `parser:"| @@"`
	}

	blockRule struct {
		Open       lexer.Token      `parser:"@BlockOpen"`
		Statements []*statementRule `parser:"@@*"`
		Close      lexer.Token      `parser:"@BlockClose"`
	}

	statementRule struct {
		Simple Statement    `parser:"  @@"`
		If     *ifRule      `parser:"| @@"`
		Loop   *loopRule    `parser:"| @@"`
		Block  *blockRule   `parser:"| @@"`
		Empty  *lexer.Token `parser:"| @Semicolon"`
	}

	loopRule struct {
		Head loopHead   `parser:"@@"`
		Body *blockRule `parser:"@@"`
	}

	ifRule struct {
		If   lexer.Token `parser:"@If"`
		Cond condition   `parser:"@@"`
		Then *blockRule  `parser:"@@"`
		Else []*elseRule `parser:"@@*"`
	}

	// elseRule is a list's element and not nested, so that a long chain needs no deep
	// stack.
	elseRule struct {
		Else lexer.Token  `parser:"@Else"`
		If   *lexer.Token `parser:"( @If"`
		Cond condition    `parser:"  @@ )?"`
		Body *blockRule   `parser:"@@"`
	}
)

// Interfaces of their own let participle tell apart the places where an expression can
// stand.
type (
	settingValue interface{ Expr }
	predicate    interface{ Expr }
	parameter    interface{ Expr }
	condition    interface{ Expr }
	loopHead     interface{ loop(*Block) Statement }
)

// newGrammar builds the rules over p's functions. With a lookahead of 0 a branch that
// took one token is final: the grammar is LL(1), and an error stays where it was found.
func newGrammar(p *parser) *participle.Parser[sectionRule] {
	return participle.MustBuild[sectionRule](
		participle.Lexer(definition{}),
		participle.UseLookahead(0),
		participle.ParseTypeWith(entry[settingValue](p, p.settingValue)),
		participle.ParseTypeWith(entry[predicate](p, p.predicate)),
		participle.ParseTypeWith(entry[parameter](p, p.parameter)),
		participle.ParseTypeWith(entry[condition](p, p.condition)),
		participle.ParseTypeWith(entry[loopHead](p, p.loopHead)),
		participle.ParseTypeWith(entry[Statement](p, p.simpleStatement)),
	)
}

func (p *parser) addSettings(script *Script, rule *configRule) {
	if script.Config.Source != nil {
		p.report(p.tokenSpan(&rule.Config), "a second config block", "put all settings into the first")
		return
	}
	if len(script.Clauses) > 0 {
		p.report(p.tokenSpan(&rule.Config), "config must stand before the first probe", "")
		return
	}
	script.Config = p.tokenSpan(&rule.Config).To(p.tokenSpan(&rule.Close))
	for _, s := range rule.Settings {
		name := p.tokenSpan(&s.Name)
		script.Settings = append(script.Settings, &Setting{Name: s.Name.Value, Value: s.Value, Span: name.To(s.Value.Range())})
	}
}

func (p *parser) clause(rule *clauseRule) *Clause {
	clause := &Clause{Body: p.block(rule.Body)}
	if rule.Predicate != nil {
		clause.Predicate = rule.Predicate
	}
	for _, r := range rule.Probes {
		clause.Probes = append(clause.Probes, p.probe(r))
	}
	clause.Span = clause.Probes[0].Span.To(clause.Body.Span)
	return clause
}

func (p *parser) probe(rule *probeRule) *Probe {
	probe := &Probe{}
	for _, r := range rule.Parts {
		probe.Parts = append(probe.Parts, p.part(r))
	}
	probe.Span = probe.Parts[0].Span.To(probe.Parts[len(probe.Parts)-1].Span)
	return probe
}

func (p *parser) part(rule *partRule) ProbePart {
	part := p.piece(rule.Pieces[0])
	if len(rule.Pieces) == 1 {
		return part
	}
	joined := ProbePart{Pieces: []ProbePart{part}, Span: part.Span}
	for _, r := range rule.Pieces[1:] {
		joined.Pieces = append(joined.Pieces, p.piece(r))
	}
	joined.Span = part.Span.To(joined.Pieces[len(joined.Pieces)-1].Span)
	return joined
}

func (p *parser) piece(rule *pieceRule) ProbePart {
	if rule.Text == nil {
		return ProbePart{Expr: rule.Expr, Span: rule.Expr.Range()}
	}
	return ProbePart{Text: p.unquotePart(rule.Text), Span: p.tokenSpan(rule.Text)}
}

func (p *parser) block(rule *blockRule) *Block {
	block := &Block{Angle: rule.Open.Value == "<", Span: p.tokenSpan(&rule.Open).To(p.tokenSpan(&rule.Close))}
	for _, r := range rule.Statements {
		if statement := p.statement(r); statement != nil {
			block.Statements = append(block.Statements, statement)
		}
	}
	return block
}

func (p *parser) statement(rule *statementRule) Statement {
	switch {
	case rule.If != nil:
		return p.ifStatement(rule.If)
	case rule.Loop != nil:
		return rule.Loop.Head.loop(p.block(rule.Loop.Body))
	case rule.Block != nil:
		return p.block(rule.Block)
	case rule.Empty != nil:
		return nil
	}
	return rule.Simple
}

func (p *parser) ifStatement(rule *ifRule) *If {
	first := &If{Cond: rule.Cond, Then: p.block(rule.Then)}
	chain := []*If{first}
	starts := []diag.Span{p.tokenSpan(&rule.If)}
	for i, r := range rule.Else {
		last, body := chain[len(chain)-1], p.block(r.Body)
		if r.If == nil {
			last.Else = body
			p.lastElse(rule.Else[i+1:])
			break
		}
		next := &If{Cond: r.Cond, Then: body}
		last.Else = next
		chain, starts = append(chain, next), append(starts, p.tokenSpan(r.If))
	}
	for i := len(chain) - 1; i >= 0; i-- {
		chain[i].Span = starts[i].To(chain[i].end())
	}
	return first
}

func (p *parser) lastElse(rest []*elseRule) {
	if len(rest) > 0 {
		p.report(p.tokenSpan(&rest[0].Else), "this else has no if: an else stands before it already", "")
	}
}

func (s *If) end() diag.Span {
	if s.Else != nil {
		return s.Else.Range()
	}
	return s.Then.Span
}
